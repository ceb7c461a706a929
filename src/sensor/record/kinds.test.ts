/** Devices and services that people have, each with a map: what its lines become. */
import { expect, test } from "bun:test";
import { readLine, readLines } from "../../testing/mapped-lines.ts";

const TASMOTA =
  '{"Time":"2024-01-01T12:05:00","AM2301":{"Temperature":21.0,"Humidity":44.1},"DS18B20-1":{"Id":"01","Temperature":19.90},"TempUnit":"C"}';

test("Tasmota: a reading for each sensor of a SENSOR message, or one for the device", () => {
  const each = {
    each: "*",
    extract: { "@topic": "tele/{device}/SENSOR" },
    fields: { Time: "timestamp", Temperature: "temperature", Humidity: "humidity" },
    compose: { sensor_id: "{device}/{@key}" },
  };
  const timestamp = "2024-01-01T12:05:00.000Z";
  expect(readLine(each, TASMOTA, { "@topic": "tele/attic/SENSOR" })).toEqual([
    { sensor_id: "attic/AM2301", timestamp, temperature: 21, humidity: 44.1, extra: '{"TempUnit":"C"}' },
    { sensor_id: "attic/DS18B20-1", timestamp, temperature: 19.9, extra: '{"Id":"01","TempUnit":"C"}' },
  ]);
  const wide = {
    fields: { Time: "timestamp", "AM2301.Temperature": "temperature", "AM2301.Humidity": "humidity" },
    constants: { sensor_id: "attic" },
    drop: ["TempUnit"],
  };
  const extra = '{"DS18B20-1":{"Id":"01","Temperature":19.90}}';
  expect(readLine(wide, TASMOTA)).toEqual([{ sensor_id: "attic", timestamp, temperature: 21, humidity: 44.1, extra }]);
});

test("KEPServer: an item of values is a reading, with the time around it where it has none of its own", () => {
  const line =
    '{"timestamp":1704067200000,"values":[{"id":"Line1.Boiler.Temp","v":71.5,"q":true,"t":1704067200100},{"id":"Line1.Boiler.Level","v":3,"q":false,"t":1704067200100}]}';
  const map = {
    each: "values[]",
    where: { field: "q", equals: true },
    extract: { id: "{line}.{machine}.{quantity}" },
    fields: { t: "timestamp", v: "temperature" },
    timestamp: { format: "unix_ms" },
    compose: { sensor_id: "{line}-{machine}", location: "{line}" },
    drop: ["q"],
  };
  const { readings, filtered } = readLines(map, [line]);
  expect(filtered).toBe(1);
  expect(readings).toEqual([
    {
      sensor_id: "Line1-Boiler",
      location: "Line1",
      timestamp: "2024-01-01T00:00:00.100Z",
      temperature: 71.5,
      extra: '{"quantity":"Temp","timestamp":1704067200000}',
    },
  ]);
});

test("SenML: entries of one base name and time are one reading", () => {
  const pack =
    '[{"bn":"urn:dev:ow:10e2:","bt":1.276020076e9,"n":"voltage","u":"V","v":23.1},{"n":"temperature","u":"Cel","t":-5,"v":21.2},{"n":"humidity","u":"%RH","t":-5,"v":50.10}]';
  const map = {
    each: "senml",
    fields: { bn: "sensor_id", t: "timestamp" },
    timestamp: { format: "unix_s" },
    drop: ["u"],
  };
  expect(readLine(map, pack)).toEqual([
    { sensor_id: "urn:dev:ow:10e2:", timestamp: "2010-06-08T18:01:16.000Z", voltage: 23.1 },
    { sensor_id: "urn:dev:ow:10e2:", timestamp: "2010-06-08T18:01:11.000Z", temperature: 21.2, humidity: 50.1 },
  ]);
});

test("Shelly: one channel among others, or a reading for each channel", () => {
  const line =
    '{"src":"shellyplus2pm-a8032a","dst":"sh/events","method":"NotifyStatus","params":{"ts":1704110700.52,"switch:0":{"id":0,"apower":8.9,"voltage":229.7},"switch:1":{"id":1,"apower":0.0,"voltage":229.9}}}';
  const one = {
    where: { field: "method", equals: "NotifyStatus" },
    fields: { src: "sensor_id", "params.ts": "timestamp", "params.switch:0.voltage": "voltage" },
    timestamp: { format: "unix_s" },
    drop: ["dst", "method", "params.switch:1"],
  };
  const timestamp = "2024-01-01T12:05:00.520Z";
  expect(readLine(one, line)).toEqual([
    {
      sensor_id: "shellyplus2pm-a8032a",
      timestamp,
      voltage: 229.7,
      extra: '{"params":{"switch:0":{"id":0,"apower":8.9}}}',
    },
  ]);
  const channels = {
    each: "params.switch:*",
    fields: { "params.ts": "timestamp", voltage: "voltage" },
    timestamp: { format: "unix_s" },
    compose: { sensor_id: "{src}-{@key}" },
    drop: ["dst", "method", "id"],
  };
  expect(readLine(channels, line)).toEqual([
    { sensor_id: "shellyplus2pm-a8032a-switch:0", timestamp, voltage: 229.7, extra: '{"apower":8.9}' },
    { sensor_id: "shellyplus2pm-a8032a-switch:1", timestamp, voltage: 229.9, extra: '{"apower":0.0}' },
  ]);
});

test("rtl_433: a radio's id is only unique with its model and channel", () => {
  const line =
    '{"time":"2024-01-01 12:05:00","model":"Acurite-Tower","id":11534,"channel":"A","battery_ok":1,"temperature_C":21.4,"humidity":45,"mic":"CHECKSUM"}';
  const map = {
    fields: { time: "timestamp", temperature_C: "temperature" },
    compose: { sensor_id: "{model}-{id}-{channel}" },
    drop: ["mic"],
  };
  expect(readLine(map, line)).toEqual([
    {
      sensor_id: "Acurite-Tower-11534-A",
      model: "Acurite-Tower",
      timestamp: "2024-01-01T12:05:00.000Z",
      temperature: 21.4,
      humidity: 45,
      extra: '{"battery_ok":1}',
    },
  ]);
});

test("zigbee2mqtt: the device is in the topic only", () => {
  const line = '{"battery":97,"humidity":48.2,"last_seen":"2024-01-01T12:05:00Z","linkquality":120,"temperature":20.7}';
  const map = { fields: { "@topic[1]": "sensor_id", last_seen: "timestamp" } };
  expect(readLine(map, line, { "@topic": "zigbee2mqtt/living_room" })).toEqual([
    {
      sensor_id: "living_room",
      timestamp: "2024-01-01T12:05:00.000Z",
      temperature: 20.7,
      humidity: 48.2,
      extra: '{"battery":97,"linkquality":120}',
    },
  ]);
});

test("The Things Network: values three levels down", () => {
  const line =
    '{"end_device_ids":{"device_id":"eui-70b3d5","application_ids":{"application_id":"field"}},"received_at":"2024-01-01T12:05:00.123456789Z","uplink_message":{"f_port":2,"f_cnt":9007199254740993,"decoded_payload":{"temperature":4.8,"humidity":81}}}';
  const map = {
    fields: {
      "end_device_ids.device_id": "sensor_id",
      received_at: "timestamp",
      "uplink_message.decoded_payload.temperature": "temperature",
      "uplink_message.decoded_payload.humidity": "humidity",
    },
    where: { field: "uplink_message.decoded_payload", exists: true },
  };
  expect(readLine(map, line)).toEqual([
    {
      sensor_id: "eui-70b3d5",
      timestamp: "2024-01-01T12:05:00.123Z",
      temperature: 4.8,
      humidity: 81,
      extra:
        '{"end_device_ids":{"application_ids":{"application_id":"field"}},"uplink_message":{"f_port":2,"f_cnt":9007199254740993},"timestamp_received":"2024-01-01T12:05:00.123456789Z"}',
    },
  ]);
});

test("one object per channel, an array for each device, and values by their position", () => {
  const gateway =
    '{"gw":"g1","at":"2024-01-01T12:05:00Z","devices":[{"mac":"a1","channels":{"1":{"t":20},"2":{"t":21}}},{"mac":"a2","channels":{"1":{"t":22}}}]}';
  const map = {
    each: "devices[].channels.*",
    fields: { at: "timestamp", t: "temperature" },
    compose: { sensor_id: "{gw}.{mac}.{@key}" },
  };
  const timestamp = "2024-01-01T12:05:00.000Z";
  expect(readLine(map, gateway)).toEqual([
    { sensor_id: "g1.a1.1", timestamp, temperature: 20 },
    { sensor_id: "g1.a1.2", timestamp, temperature: 21 },
    { sensor_id: "g1.a2.1", timestamp, temperature: 22 },
  ]);
  const series =
    '{"name":"roof","columns":["time","t"],"values":[["2024-01-01T12:05:00Z",20.50],["2024-01-01T12:06:00Z",21]]}';
  const positions = {
    each: "values[]",
    fields: { name: "sensor_id", "[0]": "timestamp", "[1]": "temperature" },
    drop: ["columns"],
  };
  expect(readLine(positions, series)).toEqual([
    { sensor_id: "roof", timestamp, temperature: 20.5 },
    { sensor_id: "roof", timestamp: "2024-01-01T12:06:00.000Z", temperature: 21 },
  ]);
});

test("sensor.community: names and values in an array become fields by their position", () => {
  const line =
    '{"esp8266id":"12345","software_version":"NRZ-2020-129","sensordatavalues":[{"value_type":"BME280_temperature","value":"21.50"},{"value_type":"BME280_humidity","value":"43.00"}]}';
  const map = {
    fields: {
      esp8266id: "sensor_id",
      software_version: "firmware_version",
      "sensordatavalues[0].value": "temperature",
      "sensordatavalues[1].value": "humidity",
      "@query.at": "timestamp",
    },
    drop: ["sensordatavalues"],
    text_numbers: true,
  };
  expect(readLine(map, line, { "@query.at": "2024-01-01T12:05:00Z" })).toEqual([
    {
      sensor_id: "12345",
      firmware_version: "NRZ-2020-129",
      timestamp: "2024-01-01T12:05:00.000Z",
      temperature: 21.5,
      humidity: 43,
    },
  ]);
});
