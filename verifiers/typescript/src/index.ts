// The light check of a token (docs/verify.md), for browsers and Node.

export { STEPS, verifyCar } from "./verify.ts";
export type { Anchor, Check, ProvenToken, Verdict, Whole } from "./verify.ts";
