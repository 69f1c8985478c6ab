/**
 * Containers or child processes? In: what was asked for and what answers. Out: the kind, or one
 * sentence on why the asked one cannot be had. Pure; who asks Docker is not its business.
 */
export const ENGINE_KINDS = ['docker', 'embedded'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** Names the kind for a run; empty or absent takes Docker where it answers. */
export const KIND_VARIABLE = 'WICKSTREAM_TEST_ENGINES';

/**
 * @param asked value of the variable. @param docker why Docker cannot be used, or null where it can.
 * @throws Error when the asked kind is unknown or cannot be had.
 */
export function chooseEngineKind(asked: string | undefined, docker: string | null): EngineKind {
  if (asked === undefined || asked === '') return docker === null ? 'docker' : 'embedded';
  const kind = ENGINE_KINDS.find((known) => known === asked);
  if (kind === undefined) {
    throw new Error(`${KIND_VARIABLE} is "${asked}"; set it to ${ENGINE_KINDS.join(' or ')}`);
  }
  if (kind === 'docker' && docker !== null) {
    throw new Error(`${KIND_VARIABLE} asks for docker, but it cannot be used: ${docker}`);
  }
  return kind;
}
