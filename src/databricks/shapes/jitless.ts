/** Imported before arktype itself, as it reads its configuration when it is loaded. */
import { configure } from "arktype/config";

configure({ jitless: true });
