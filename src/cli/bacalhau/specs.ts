/** The specs of `jobs/`, in the binary: who has only the binary has them too. In the order in which a fleet needs them. */

import agentSpec from "../../../jobs/agent.yaml" with { type: "text" };
import fetchSpec from "../../../jobs/fetch.yaml" with { type: "text" };
import rulesSpec from "../../../jobs/rules.yaml" with { type: "text" };
import statusSpec from "../../../jobs/status.yaml" with { type: "text" };
import verifySpec from "../../../jobs/verify.yaml" with { type: "text" };

export const SPECS: Readonly<Record<string, string>> = {
  "fetch.yaml": fetchSpec,
  "agent.yaml": agentSpec,
  "rules.yaml": rulesSpec,
  "status.yaml": statusSpec,
  "verify.yaml": verifySpec,
};
