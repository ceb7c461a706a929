/** How the agent logs in to MQTT brokers: a part of the one table (table.ts). */
import { may, secretText } from "./entry.ts";
import * as kind from "./kind.ts";

export const MQTT_SETTINGS = {
  mqttUsername: may(
    "AGENT_MQTT_USERNAME",
    kind.text("a name of 1 to 256 characters", "NAME", /^[^\0\r\n]{1,256}$/),
    "The user of MQTT brokers whose URI names none.",
  ),
  mqttPassword: may({ env: "AGENT_MQTT_PASSWORD", secret: true }, secretText, "The password of that user."),
  mqttPasswordFile: may(
    "AGENT_MQTT_PASSWORD_FILE",
    kind.path("FILE"),
    "A file with the password instead, read at every connection.",
  ),
};
