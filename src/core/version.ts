/** The version that `agent --version`, rows and objects carry; package.json is the one place where it is written. */
import { version } from "../../package.json" with { type: "json" };

export const VERSION: string = version;
