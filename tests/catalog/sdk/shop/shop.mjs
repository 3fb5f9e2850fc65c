// A shop on the real SDK: node shop.mjs PORT; TRIGGER_API_KEY and TRIGGER_API_URL say who may call it, and whom it calls.
// It appends a line to the file LEDGER for each thing that must happen once, so that a test can count them.
import { createMiddleware } from "@trigger.dev/express";
import { TriggerClient, cronTrigger, eventTrigger, invokeTrigger } from "@trigger.dev/sdk";
import express from "express";
import { appendFileSync } from "node:fs";

const client = new TriggerClient({
  id: "shop",
  apiKey: process.env.TRIGGER_API_KEY,
  apiUrl: process.env.TRIGGER_API_URL,
});

function note(word, run) {
  appendFileSync(process.env.LEDGER, `${word} ${run.id}\n`);
}

client.defineJob({
  id: "greet",
  name: "Greet",
  version: "1.0.0",
  trigger: eventTrigger({ name: "user.created" }),
  run: async (payload) => ({ hello: payload.name }),
});

client.defineJob({
  id: "fulfil",
  name: "Fulfil an order",
  version: "1.2.0",
  trigger: eventTrigger({ name: "order.paid", filter: { plan: ["pro"] } }),
  run: async (payload, io, ctx) => {
    await io.logger.info("an order came", { order: payload.order });
    const charged = await io.runTask("charge", async () => {
      note("charged", ctx.run);
      return { charge: `ch_${payload.order}` };
    });
    await io.wait("let the money arrive", 1);
    const packed = await io.runTask(
      "pack",
      async (task) => {
        if (task.attempts < 2) throw new Error("the box was too small");
        note("packed", ctx.run);
        return { attempts: task.attempts };
      },
      { name: "Pack", retry: { limit: 3, minTimeoutInMs: 200, factor: 1, randomize: false } },
    );
    await io.sendEvent("tell", { name: "order.done", payload: { order: payload.order } });
    return { ...charged, packed };
  },
});

client.defineJob({
  id: "thank",
  name: "Thank",
  version: "1.0.0",
  trigger: eventTrigger({ name: "order.done" }),
  run: async (payload) => ({ thanked: payload.order }),
});

client.defineJob({
  id: "fail",
  name: "Fail",
  version: "1.0.0",
  trigger: eventTrigger({ name: "order.lost" }),
  run: async (payload) => {
    throw new Error(`order ${payload.order} is lost`);
  },
});

client.defineJob({
  id: "patience",
  name: "Wait for a very long time",
  version: "1.0.0",
  trigger: eventTrigger({ name: "order.slow" }),
  run: async (payload, io) => {
    await io.wait("a day", 86400);
    return payload;
  },
});

client.defineJob({
  id: "serial",
  name: "One at a time",
  version: "1.0.0",
  concurrencyLimit: 1,
  trigger: eventTrigger({ name: "parcel.sent" }),
  run: async (payload, io, ctx) => {
    await io.runTask("hand over", async () => {
      note("handed", ctx.run);
      return null;
    });
    return payload;
  },
});

client.defineJob({
  id: "fetch",
  name: "Fetch in the background",
  version: "1.0.0",
  trigger: eventTrigger({ name: "stock.asked" }),
  run: async (payload, io) => io.backgroundFetch("ask", payload.url),
});

client.defineJob({
  id: "nightly",
  name: "Nightly",
  version: "1.0.0",
  trigger: cronTrigger({ cron: "0 3 * * *" }),
  run: async (payload) => ({ at: payload.ts }),
});

client.defineJob({
  id: "called",
  name: "Called by name",
  version: "1.0.0",
  trigger: invokeTrigger(),
  run: async (payload) => ({ called: payload }),
});

client.defineJob({
  id: "retired",
  name: "Retired",
  version: "1.0.0",
  enabled: false,
  trigger: eventTrigger({ name: "user.created" }),
  run: async () => null,
});

const app = express();
app.get("/stock", (_request, response) => response.json({ left: 3 }));
app.use(createMiddleware(client));
app.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
