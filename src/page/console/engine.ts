/** SQLite in a worker, one question at a time. Stopping ends the worker; the next question waits until another one has the snapshot. */
import type { FromWorker, SnapshotSchema, SqlValue, TextRange, ToWorker } from "./worker-words.ts";

/** A question that SQLite refuses. `at`: where in the text, if that is known. */
export class SqlError extends Error {
  readonly at: TextRange | null;

  constructor(message: string, at: TextRange | null) {
    super(message);
    this.at = at;
  }
}
export class StoppedError extends Error {}

export type RunFigures = { readonly count: number; readonly ms: number; readonly changed: number };
export type AnswerNews = {
  readonly onRows: (columns: readonly string[], rows: readonly (readonly SqlValue[])[]) => void;
  readonly onCount: (count: number) => void;
};
type Waiting = { readonly hear: (message: FromWorker) => void; readonly fail: (error: Error) => void };

export class SqlEngine {
  readonly #snapshot: Blob;
  #worker: Worker | null = null;
  #opened: Promise<SnapshotSchema> | null = null;
  #waiting: Waiting | null = null;

  constructor(snapshot: Blob) {
    this.#snapshot = snapshot;
  }

  /** The worker has the snapshot. */
  open(): Promise<SnapshotSchema> {
    this.#opened ??= this.#begin();
    return this.#opened;
  }

  /** `keep`: rows that are handed over, in their order; the rest is counted. */
  async run(sql: string, keep: number, { onRows, onCount }: AnswerNews): Promise<RunFigures> {
    return this.#ask({ ask: "query", sql, keep }, (message) => {
      if (message.is === "rows") onRows(message.columns, message.rows);
      if (message.is === "counted") onCount(message.count);
      return message.is === "done" ? message : null;
    });
  }

  /** All rows of a question. */
  csv(sql: string): Promise<Blob> {
    return this.#made({ ask: "csv", sql });
  }

  /** The database as it is now. */
  file(): Promise<Blob> {
    return this.#made({ ask: "file" });
  }

  /** What was asked fails with StoppedError. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#opened = null;
    this.#waiting?.fail(new StoppedError("Stopped"));
    this.#waiting = null;
  }

  #made(words: ToWorker): Promise<Blob> {
    return this.#ask(words, (message) => (message.is === "made" ? message.blob : null));
  }

  async #begin(): Promise<SnapshotSchema> {
    const worker = new Worker(SQL_WORKER, { type: "module" });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#waiting?.hear(data);
    worker.onerror = (event) => this.#waiting?.fail(new Error(event.message || "The worker for SQL cannot be loaded"));
    const bytes = await this.#snapshot.arrayBuffer();
    return this.#send(worker, { ask: "open", bytes }, [bytes], (message) =>
      message.is === "opened" ? message.schema : null,
    );
  }

  async #ask<T>(words: ToWorker, answer: (message: FromWorker) => T | null): Promise<T> {
    await this.open();
    if (this.#worker === null) throw new StoppedError("Stopped");
    return this.#send(this.#worker, words, [], answer);
  }

  #send<T>(
    worker: Worker,
    words: ToWorker,
    moved: Transferable[],
    answer: (message: FromWorker) => T | null,
  ): Promise<T> {
    return new Promise<T>((done, fail) => {
      this.#waiting = {
        fail,
        hear: (message) => {
          if (message.is === "failed") {
            fail(new SqlError(message.message, message.at));
            return;
          }
          const found = answer(message);
          if (found !== null) done(found);
        },
      };
      worker.postMessage(words, moved);
    });
  }
}
