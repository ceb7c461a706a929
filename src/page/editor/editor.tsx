/** The editor of a rule file: the text, what the agent says of it, and what it would find. */
import { Card } from "../shell/parts.tsx";

export type EditorProps = {
  readonly name: string;
  readonly isNew: boolean;
  /** As the user named it. */
  readonly folder: string;
  /** Where to begin. */
  readonly line: number | null;
};

export default function Editor({ name }: EditorProps) {
  return <Card title={name}>{null}</Card>;
}
