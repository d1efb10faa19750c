// Places a call and waits until it is over:
//
//   tsc -p examples/typescript && node target/examples/typescript/place_call.js \
//     http://127.0.0.1:8080 acme.test TOKEN sip:alice@127.0.0.1:5070
//
// Tenant, key and service come from the README's quick start; `sipp -sn uas -p 5070` answers.

import { Hookswitch, HookswitchError } from "./hookswitch.js";

declare const process: { argv: string[]; exit(code: number): never };

const [baseUrl, domain, token, destinationUri] = process.argv.slice(2);
if (!baseUrl || !domain || !token || !destinationUri) {
  console.error("usage: place_call.js BASE_URL DOMAIN TOKEN SIP_URI");
  process.exit(2);
}

const hookswitch = new Hookswitch(baseUrl, token);
try {
  const placed = await hookswitch.placeRemoteCall(domain, {
    destinationUri,
    sourceUser: "1001",
    codec: "PCMU",
    receiveIp: "192.0.2.10",
    receivePort: 40_000,
  });
  console.log(`placed: session ${placed.sessionId}`);
  for (;;) {
    const [call] = (await hookswitch.listCalls(domain, { callId: placed.callId })).calls;
    if (call?.state === "ended") {
      console.log(`ended: ${call.outcome?.class ?? "unknown"}`);
      break;
    }
    if (call?.state === "confirmed") await hookswitch.hangupCall(domain, { replyId: placed.replyId });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
} catch (error) {
  if (error instanceof HookswitchError) console.error(`refused with ${error.status}: ${error.message}`);
  else console.error(`${baseUrl} cannot be reached: ${error}`);
  process.exit(1);
}
