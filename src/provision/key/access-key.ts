/** The edge user's key: made once and written to a file. The secret is never printed, and apply deletes no key. */
import { rmSync } from "node:fs";
import { AgentError } from "../../core/errors.ts";
import type { Aws } from "../aws/clients.ts";
import { edgeUserId } from "../aws/edge.ts";
import type { AwsWish } from "../aws/wish.ts";
import { edgeName } from "../names.ts";
import type { Change, Doing, Resource, ResourceRemark } from "../resource.ts";
import { closeToOthers, dropNewFile, type KeyFile, newFileOf, readKeyFile } from "./key-file.ts";
import { deleteKey, describeKey, type EdgeKey, keyIds, listKeys, readKeys } from "./keys.ts";
import { finish, isSeen, mint } from "./mint.ts";

export type KeyActual = { readonly keys: readonly EdgeKey[] };

export function accessKeyId(wish: AwsWish): string {
  return `access key of ${edgeName(wish.naming)}`;
}

export function accessKeyResource(aws: Aws, wish: AwsWish): Resource<KeyActual> {
  const file = wish.keyFile;
  return {
    id: accessKeyId(wish),
    side: "aws",
    needs: [edgeUserId(wish)],
    missing: `there is none; it is written to ${file}, for its owner only`,
    read: async ({ facts }) => {
      const keys = await readKeys(aws, wish, facts);
      return keys.length === 0 ? null : { keys };
    },
    diff: (actual) => keyChanges(aws, wish, actual),
    remarks: ({ keys }) => keyRemarks(wish, keys),
    create: (doing) => createKey(aws, wish, doing),
    confirm: (doing) => confirmKey(aws, wish, doing),
    // The file first: a secret without its key is litter, a key without its file would look like one in use.
    remove: async ({ keys }, { facts }) => {
      const ids = keys.map(({ id }) => id);
      for (const path of [file, newFileOf(file)]) {
        const held = readKeyFile(path);
        if (held !== null && (held.key === null || ids.includes(held.key.accessKeyId))) rmSync(path, { force: true });
      }
      dropNewFile(file);
      for (const id of ids) await deleteKey(aws, wish, facts, id);
    },
  };
}

/** The plan saw none. One that is there now is another run's, unless this run or a killed one had asked for it. */
async function createKey(aws: Aws, wish: AwsWish, doing: Doing): Promise<void> {
  if (readKeyFile(newFileOf(wish.keyFile)) !== null) return await finish(aws, wish, doing);
  const ids = await keyIds(aws, wish, doing.facts);
  if (ids.length === 0) return await mint(aws, wish, doing, []);
  const name = edgeName(wish.naming);
  throw new AgentError(
    `Cannot create a key of user "${name}": another run has made ${ids.join(", ")} meanwhile, which is not in ${wish.keyFile}`,
    { advice: "Use the file of that run; or make one more key", tryHint: "agent provision rotate-key --keep-old" },
  );
}

function keyChanges(aws: Aws, wish: AwsWish, { keys }: KeyActual): Change[] {
  const path = wish.keyFile;
  const file = readKeyFile(path);
  const made = readKeyFile(newFileOf(path));
  if (made !== null) {
    const because =
      made.maker === null
        ? "a key was being made when a run ended: finished, so that the file holds one that works"
        : `another run (process ${made.maker}) is making a key`;
    return [{ action: "update", because, make: (doing) => finish(aws, wish, doing) }];
  }
  if (file?.isOpen === true) {
    const because = `${path}: others may read it -> its owner only`;
    return [
      { action: "update", because, make: async () => closeToOthers(path) },
      ...stateChange(aws, wish, keys, file),
    ];
  }
  return stateChange(aws, wish, keys, file);
}

/** Of the key in the file; without a file, a node has the key. */
function stateChange(aws: Aws, wish: AwsWish, keys: readonly EdgeKey[], file: KeyFile | null): Change[] {
  const held = file?.key?.accessKeyId ?? null;
  const own = keys.find(({ id }) => id === held);
  if (own === undefined && held !== null) {
    const because = `${wish.keyFile} holds ${held}, which is not a key of the user any more: a new one`;
    const make = (doing: Doing) => mint(aws, wish, doing, []);
    return [{ action: "replace", because, make }];
  }
  const isUsable = own === undefined ? keys.some(({ isActive }) => isActive) : own.isActive;
  if (isUsable) return [];
  const ids = (own === undefined ? keys : [own]).map(({ id }) => id).join(", ");
  const make = async () => {
    throw inactive(ids);
  };
  return [
    { action: "update", because: `${ids} is inactive: no node can deliver with it, and apply activates none`, make },
  ];
}

/** Someone has switched it off, perhaps because it is in wrong hands: that is not undone by itself. */
function inactive(ids: string): AgentError {
  return new AgentError(`Cannot use key ${ids} of the edge: it is inactive`, {
    advice: "Make a new key for the nodes; or activate this one in the AWS console, if it was switched off by mistake",
    tryHint: "agent provision rotate-key",
  });
}

/** Each key by its name: before one is deleted, a person can see which are in use. */
function keyRemarks(wish: AwsWish, keys: readonly EdgeKey[]): ResourceRemark[] {
  const file = readKeyFile(wish.keyFile);
  const held = file?.key?.accessKeyId ?? null;
  return keys.map((key) => {
    const message = describeKey(key, key.id === held ? `in ${wish.keyFile}` : `not in ${wish.keyFile}`);
    // As a killed run leaves one, whose secret is lost; or another person made it and no node has it yet.
    const isStray = held !== null && key.id !== held && key.used === null && file?.before.includes(key.id) !== true;
    return {
      level: "note",
      message,
      advice: isStray ? "If a run was killed while it made this key, no one has its secret: it can be deleted" : null,
      try: isStray ? `agent provision rotate-key --delete ${key.id}` : null,
    };
  });
}

/** What apply says at its end is true then: the key in the file is one of the user's, and works. */
async function confirmKey(aws: Aws, wish: AwsWish, doing: Doing): Promise<void> {
  const held = readKeyFile(wish.keyFile)?.key?.accessKeyId ?? null;
  if (held === null) return;
  const name = edgeName(wish.naming);
  if (!(await isSeen(aws, wish, doing, held))) {
    throw new AgentError(`Cannot use key ${held} in ${wish.keyFile}: it is not a key of user "${name}" any more`, {
      advice: "Another person or run has deleted it meanwhile",
      tryHint: "agent provision apply",
    });
  }
  const now = (await listKeys(aws, name, doing.facts)).find(({ id }) => id === held);
  if (now?.isActive === false) throw inactive(held);
}
