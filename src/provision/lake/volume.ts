/** External volumes: the stages' objects and the checkpoints as paths, `/Volumes/{catalog}/{schema}/raw/date=…`. */
import { AgentError } from "../../core/errors.ts";
import { Volume } from "../../databricks/shapes/securables.ts";
import { type LakeNames, schemaFullName } from "../../lakehouse/names.ts";
import { bucketUrl, locationName } from "../names.ts";
import type { Doing, Resource } from "../resource.ts";
import { createThing, foreignByComment, type Lake, plainUrl, sameUrl, unity } from "./lake.ts";
import { aboutVolume, LAKE_ID, marked, sparedByComment, type VolumeUse } from "./names.ts";
import { SecurableCalls } from "./securable.ts";

export const volumeFullName = (lake: LakeNames, use: VolumeUse) => `${schemaFullName(lake)}.${use}`;

export function volumeResource(lake: Lake, use: VolumeUse): Resource<Volume> {
  const fullName = volumeFullName(lake, use);
  const id = LAKE_ID.volume(fullName);
  const url = bucketUrl(use, lake.naming);
  const securable = new SecurableCalls(lake, { id, path: ["volumes", fullName], shape: Volume });
  const location = LAKE_ID.location(locationName(use, lake.naming));
  const create = async (doing: Doing) => {
    const body = {
      catalog_name: lake.catalog,
      schema_name: lake.schema,
      name: use,
      volume_type: "EXTERNAL",
      storage_location: url,
      comment: marked(aboutVolume(use)),
    };
    const needs = `CREATE_VOLUME on ${LAKE_ID.schema(schemaFullName(lake))} and CREATE_EXTERNAL_VOLUME on ${location}`;
    await createThing(lake, unity(`create ${id}`, "POST", ["volumes"], { body, needs }), doing);
  };
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.schema(schemaFullName(lake)), location],
    within: LAKE_ID.schema(schemaFullName(lake)),
    read: (doing) => securable.read(doing),
    // A managed volume holds files of its own, which would go with it.
    foreign: (actual) =>
      foreignByComment(actual) ??
      (actual.volume_type === "MANAGED" ? "it is a managed volume, with files of its own" : null),
    diff: (actual) => {
      const is = actual.storage_location;
      const mark = securable.adoption(actual);
      if (sameUrl(is, url)) return mark;
      // A volume cannot be moved. Its files are not touched: an external volume is only a name for a place.
      const make = async (doing: Doing) => {
        const now = await securable.read(doing);
        if (now?.volume_type === "MANAGED") {
          throw new AgentError(`Cannot replace ${id}: it is a managed volume, and its files would go with it`, {
            advice: "Copy what is needed, and drop it by hand",
          });
        }
        if (now !== null && sameUrl(now.storage_location, url)) return;
        if (now !== null) await securable.remove(now, doing);
        await create(doing);
      };
      return [...mark, { action: "replace", because: `place: ${plainUrl(is)} -> ${plainUrl(url)}`, make }];
    },
    create,
    spares: async ({ comment }) => sparedByComment(comment),
    remove: (actual, doing) => securable.remove(actual, doing),
  };
}
