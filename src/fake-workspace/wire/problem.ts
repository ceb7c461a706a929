/**
 * What the workspace refuses, as Databricks says it: an HTTP status, and `error_code` and `message` in the body.
 * Status and code are two things: Unity Catalog's "already exists" is a 400 (UCX federation.py; unitycatalog's ErrorCode.java).
 */
export class Problem extends Error {
  readonly status: number;
  readonly code: string | number;

  constructor(status: number, code: string | number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A call that no correct client makes: unknown fields, wrong types, missing bodies. The workspace keeps a list of them. */
export class Misuse extends Problem {}

export const malformed = (message: string) => new Misuse(400, "MALFORMED_REQUEST", message);
export const misused = (message: string) => new Misuse(400, "INVALID_PARAMETER_VALUE", message);
export const invalid = (message: string) => new Problem(400, "INVALID_PARAMETER_VALUE", message);
export const denied = (message: string) => new Problem(403, "PERMISSION_DENIED", message);
export const absent = (code: string, message: string) => new Problem(404, code, message);
/** 400, not 409: what matters is the code. */
export const taken = (code: string, message: string) => new Problem(400, code, message);
