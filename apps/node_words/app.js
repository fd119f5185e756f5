// An app in plain Node.js, written from docs/protocol.md alone.
import amqp from "amqplib";
import { randomUUID } from "node:crypto";
import { setImmediate as letOthersRun, setTimeout as sleep } from "node:timers/promises";

const METADATA = {
  description: "Count the words of each text", doc: "Writes the words of the row, and of all rows so far.",
  expected_content: "text/csv", mandatory: ["text"], optional: ["language"], wait_after_row_ms: 0,
};
const RESPONDERS = { // the header, a verifier for each column that has one, a hook
  "tasks.words.output_header": () => ({ add: ["words", "total"] }),
  "tasks.words.language": (cell) => /^[a-z]{2}$/.test(cell),
  "tasks.words.finish": (action, data) => log("finished", { action, total: JSON.parse(data ?? "0") }),
};
function count(data, row) { // gives a return and the next Data; its first Data is null
  const words = row.text.split(/\s+/).filter(Boolean).length, total = (data ?? 0) + words;
  return [words ? { row: [words, total] } : { error: "no words" }, total];
}

const APP = { name: "node_words", instance: randomUUID(), version: "1" };
const HELP = { app: APP, digest: "1", help: { words: { count: METADATA } },
  bindings: ["tasks.words.count", ...Object.keys(RESPONDERS)] };
const EXCHANGE = "kztasks.bindings", QUEUE = `kztasks.app.${APP.name}`;
const OWN = `kztasks.instance.${APP.instance}`; // a queue for what is meant for this instance, or for all
const OWN_KEYS = ["tasks.help", "tasks.*.help", "tasks.*.help.*", "apps.cancel", `apps.instance.${APP.instance}`];
const MAX_KNOWN = 500, MAX_REPLY_BYTES = 2 ** 20, LONGEST_HOLD_MS = 10;
const answers = new Map(), epochs = new Map(); // of the last batches, as they may come again; of tasks
let running = null; // one batch at a time, so it always runs alone

const log = (event, fields) => console.error(JSON.stringify({ event, ...fields }));
function publish(exchange, key, type, body, correlationId) {
  const content = Buffer.from(JSON.stringify({ v: 1, ...body }));
  channel.publish(exchange, key, content, { type, correlationId, contentType: "application/json" });
  return channel.waitForConfirms();
}
const reply = ({ properties: { replyTo, correlationId } }, type, body) =>
  publish("", replyTo, type, body, correlationId);
const refuse = (message, code) => reply(message, "refused", { code, message: `${APP.name} refuses it` });
function remember(map, key, value) { // and forget the oldest one
  if (map.set(key, value).size > MAX_KNOWN) map.delete(map.keys().next().value);
}

async function onBatch(message, batch) {
  const { task_id, epoch, seq, attempt, hash, alone } = batch;
  if (epoch < epochs.get(task_id)) return refuse(message, "stale_epoch");
  remember(epochs, task_id, epoch);
  if (batch.category !== "words" || batch.action !== "count") return refuse(message, "unknown_action");
  const about = { task_id, epoch, seq, attempt, app: APP }, work = `${task_id} ${seq} ${hash}`;
  if (!answers.has(work)) {
    running = { task_id, seq, returns: [], cancel: new AbortController() };
    const progress = () => reply(message, "progress", { ...about, alone, done: running.returns.length });
    if (alone) await progress();
    const timer = setInterval(() => progress().catch(() => {}), 2000);
    const ran = run(batch, running.returns, running.cancel.signal).finally(() => {
      clearInterval(timer);
      running = null;
    });
    remember(answers, work, await ran);
  }
  return reply(message, "batch_reply", { ...about, hash, ...answers.get(work) });
}

async function run({ columns, rows, data: before, pause_ms, work_ms }, returns, cancel) {
  const names = [...METADATA.mandatory, ...METADATA.optional], started = performance.now();
  let data = JSON.parse(before ?? "null"), bytes = 0, elapsed_ms = 0, called = false, held = started;
  for (const cells of rows) {
    const over = performance.now() - started > work_ms || bytes > MAX_REPLY_BYTES;
    if (returns.length && (over || cancel.aborted)) break;
    if (performance.now() - held > LONGEST_HOLD_MS) { // let a cancel be heard, and progress be sent
      await letOthersRun();
      held = performance.now();
    }
    const row = Object.fromEntries(columns.map((name, index) => [name, cells[index]]));
    for (const name of names) row[name] ??= null; // optional columns that the input lacks
    const bad_fields = Object.keys(row).filter((name) => names.includes(name) && !isGood(name, row[name]));
    let returned = { bad_fields };
    if (!bad_fields.length) {
      if (called && pause_ms) await sleep(pause_ms, null, { signal: cancel }).catch(() => {});
      if (called && cancel.aborted) break;
      const called_at = performance.now(), result = attempt(() => count(data, row));
      called = true;
      elapsed_ms += performance.now() - called_at;
      if (result.crash) returned = result;
      else [returned, data] = [{ ...result.value[0], next: "data" }, result.value[1]];
    }
    returns.push(returned);
    bytes += JSON.stringify(returned).length;
    if (returned.crash) break; // METADATA has no on_crash, so the task ends
  }
  return { returns, data: JSON.stringify(data), elapsed_ms };
}
function attempt(call) {
  try {
    return { value: call() };
  } catch (error) {
    return { crash: { type: error.name, message: error.message } };
  }
}
function isGood(name, cell) { // a crash of a verifier counts as false
  if (cell === null) return !METADATA.mandatory.includes(name);
  return attempt(() => RESPONDERS[`tasks.words.${name}`]?.(cell) ?? true).value;
}

const HANDLERS = {
  batch: onBatch,
  call: (message, { key, args }) =>
    reply(message, "call_reply", { app: APP, results: [attempt(() => RESPONDERS[key](...args))] }),
  help: (message) => reply(message, "help_reply", { ...HELP, up_ms: Math.round(performance.now()) }),
  cancel: (_, { task_id, seq }) =>
    running?.task_id === task_id && running.seq === seq && running.cancel.abort(),
  claims: (_, { refused }) => refused.forEach((claim) => log("claim_refused", claim)),
};
async function onMessage(message) { // acknowledged after the reply; what cannot be read is dead
  try {
    const body = JSON.parse(message.content);
    if (body.v !== 1) throw new Error(`version ${body.v} is not spoken here`);
    await HANDLERS[message.properties.type]?.(message, body);
    channel.ack(message);
  } catch (error) {
    log("message_refused", { type: message?.properties.type, why: error.message });
    channel.nack(message, false, false);
  }
}

const connection = await amqp.connect(process.env.KZTASKS_AMQP_URL ?? "amqp://guest:guest@127.0.0.1/");
connection.on("close", () => process.exit(1));
const channel = await connection.createConfirmChannel();
await channel.assertExchange(EXCHANGE, "topic", { durable: true });
await channel.assertExchange("kztasks.dead", "fanout", { durable: true });
const WORK = { "x-queue-type": "quorum", "x-delivery-limit": 2, "x-dead-letter-exchange": "kztasks.dead" };
await channel.assertQueue(QUEUE, { durable: true, arguments: WORK });
for (const key of HELP.bindings) await channel.bindQueue(QUEUE, EXCHANGE, `${APP.name}.${key}`);
await channel.assertQueue(OWN, { exclusive: true, durable: false });
for (const key of OWN_KEYS) await channel.bindQueue(OWN, EXCHANGE, key);
await channel.consume(OWN, onMessage);
await channel.prefetch(1);
const { consumerTag } = await channel.consume(QUEUE, onMessage);
const beat = () => publish(EXCHANGE, "apps.beat", "beat", { app: APP, digest: HELP.digest });
const beats = setInterval(beat, 2000);
await beat();
log("app_started", APP);

process.once("SIGTERM", async () => {
  clearInterval(beats);
  await channel.cancel(consumerTag);
  await publish(EXCHANGE, "apps.down", "down", { app: APP });
  while (running) await sleep(20);
  await channel.close(); // behind the last acknowledgement
  process.exit(0);
});
