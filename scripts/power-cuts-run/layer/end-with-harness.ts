/** A thread of the layer: ends it when the harness is gone, however that ended. The main thread waits in a read that nothing interrupts. */
import { readSync } from "node:fs";

readSync(0, new Uint8Array(1));
process.kill(process.pid, "SIGKILL");
