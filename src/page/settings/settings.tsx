/** Every setting, its value and where it came from. */
import type { WireSettings } from "../../dashboard/wire.ts";
import { Card, Loading, ProblemRow } from "../shell/parts.tsx";
import { useRoute } from "../shell/use-route.ts";

export default function Settings() {
  const { value, problem } = useRoute<WireSettings>("/api/settings");
  if (problem !== null) return <ProblemRow problem={problem} />;
  if (value === null) return <Loading what="settings" />;
  return <Card title="Settings">{value.length}</Card>;
}
