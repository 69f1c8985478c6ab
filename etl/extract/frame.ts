/** A stream's frame as JSON. In: text that should be JSON. Out: its value; undefined where it is none. */
export function parseFrame(frame: string): unknown {
  try {
    return JSON.parse(frame) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
