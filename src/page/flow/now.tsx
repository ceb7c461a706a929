/** What the agent does now: problems first, then the flow of readings, then what the rules found. */
import type { Problem } from "../../core/problem.ts";
import { state } from "../shell/live.ts";
import { Loading, ProblemRow } from "../shell/parts.tsx";
import { FlowPicture } from "./flow-picture.tsx";
import { NewestEpisodes } from "./newest-episodes.tsx";
import { PLACES, placeOf } from "./places.ts";
import { RulesInShort } from "./rules-in-short.tsx";
import { doneFor, isKnown } from "./stations.ts";

export default function Now() {
  const now = state.value;
  if (now === null) return <Loading what="the agent's state" />;
  if (!isKnown(now)) return <NotBegun problems={now.problems} />;
  return (
    <>
      <Problems problems={now.status.problems} />
      <p class="lead">{doneFor(now)}</p>
      <FlowPicture state={now} />
      <div class="columns">
        <NewestEpisodes />
        <RulesInShort />
      </div>
    </>
  );
}

function Problems({ problems }: { readonly problems: readonly Problem[] }) {
  if (problems.length === 0) return null;
  return (
    <section class="stack" aria-label="Problems">
      {problems.map((problem) => (
        <ProblemRow
          key={`${problem.code} ${problem.message}`}
          title={PLACES[placeOf(problem.code)]}
          problem={problem}
        />
      ))}
    </section>
  );
}

/** The agent has no buffer yet: what it waits for. */
function NotBegun({ problems }: { readonly problems: readonly Problem[] }) {
  return (
    <section class="stack" aria-label="The agent has not begun">
      <p class="lead">The agent runs, and takes no readings yet:</p>
      {problems.map((problem) => (
        <ProblemRow key={problem.code} tone={problem.code === "starting" ? "info" : "critical"} problem={problem} />
      ))}
      {problems.length === 0 ? <Loading what="the reason" /> : null}
    </section>
  );
}
