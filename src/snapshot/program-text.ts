/** Programs of steps as the snapshot holds them: JSON, which each thread makes its own form of (answer/programs.ts). */
export function encodeProgram(program: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(program));
}
