/** The answer to a login, and the body of a refusal. */
import { Text, type } from "./ark.ts";

/** RFC 6749 §5.1. */
export const Token = type({ access_token: Text, "expires_in?": "number > 0" });

/** The usual form, the older one (`error`), that of SCIM (`detail`), and that of OAuth. */
export const Refusal = type({
  "error_code?": "string | number",
  "message?": "string",
  "error_description?": "string",
  "error?": "string",
  "detail?": "string",
});
