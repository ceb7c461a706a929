/** The profiles that a map is checked and tried with. */
import type { Profile } from "../../core/profile.ts";
import type { Context } from "../frame/command.ts";

/** The profiles that rows may have, as `agent run` would choose them; the first one reads rows that name none. */
export async function profilesOf({ settings, cwd }: Context): Promise<readonly [Profile, ...Profile[]]> {
  const { loadProfile, shippedProfiles } = await import("../../sensor/profile/shipped.ts");
  return [loadProfile(settings.profile, cwd), ...(settings.origins.profile === "default" ? shippedProfiles() : [])];
}
