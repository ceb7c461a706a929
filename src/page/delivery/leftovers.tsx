/** What was not delivered and why, and whether the node reports itself. */
import type { WireDelivery } from "../../dashboard/wire.ts";
import type { KnownState } from "../flow/stations.ts";
import { formatNumber } from "../shell/format.ts";
import { Card, CopyButton, Empty, Time } from "../shell/parts.tsx";

type Loss = KnownState["status"]["losses"][number];

export function LossesCard({ losses }: { readonly losses: readonly Loss[] }) {
  return (
    <Card title="Losses" aside={losses.length === 0 ? "none" : formatNumber(losses.length)}>
      {losses.length === 0 ? (
        <Empty>No reading that the agent accepted was lost.</Empty>
      ) : (
        <ul class="left">
          {losses.map((loss) => (
            <li key={`${loss.reason} ${loss.epoch} ${loss.first_seq}`}>
              <strong class="bad">{loss.counted ? formatNumber(loss.count) : "An unknown number of"} readings</strong>{" "}
              {loss.reason.replaceAll("_", " ")}
              <span class="quiet">
                {loss.first_seq === null ? "" : `, seq ${loss.first_seq} to ${loss.last_seq}`}
                {loss.until === null ? null : (
                  <>
                    , last at <Time atMs={Date.parse(loss.until)} />
                  </>
                )}
              </span>
            </li>
          ))}
          <Try command="agent verify" />
        </ul>
      )}
    </Card>
  );
}

export function ParkedCard({ delivery }: { readonly delivery: WireDelivery }) {
  const { parked, parkedLeftOut } = delivery;
  return (
    <Card
      title="Refused by the store"
      aside={parked.length === 0 ? "none" : formatNumber(parked.length + parkedLeftOut)}
    >
      {parked.length === 0 ? (
        <Empty>The store took every object that was sent.</Empty>
      ) : (
        <ul class="left">
          {parked.map(({ stage, key, rows, error }) => (
            <li key={key}>
              <strong>{formatNumber(rows)} rows</strong> of {stage}: {error}
              <p class="quiet">
                <code>{key}</code>
              </p>
            </li>
          ))}
          {parkedLeftOut === 0 ? null : (
            <li class="quiet">and {formatNumber(parkedLeftOut)} more: agent buffer stats</li>
          )}
          <Try command="agent buffer requeue" />
        </ul>
      )}
    </Card>
  );
}

function Try({ command }: { readonly command: string }) {
  return (
    <li class="try">
      Try <code>{command}</code> <CopyButton text={command} />
    </li>
  );
}

export function HeartbeatCard({ heartbeat }: { readonly heartbeat: KnownState["status"]["heartbeat"] }) {
  return (
    <Card title="Heartbeat">
      {heartbeat === null ? (
        <Empty>
          This node does not report itself: <code>AGENT_HEARTBEAT</code> is off.
        </Empty>
      ) : (
        <p>
          {heartbeat.sent_at === null ? (
            "not sent yet"
          ) : (
            <>
              sent <Time atMs={Date.parse(heartbeat.sent_at)} as="ago" />
            </>
          )}
          {heartbeat.error === null ? null : <span class="bad">: {heartbeat.error}</span>}
        </p>
      )}
    </Card>
  );
}
