/** Which engines a run takes, for every combination of what is asked for and what answers. */
import { expect, test } from 'vitest';
import { chooseEngineKind } from './engine-kind.ts';

const ABSENT = 'no socket answers';

test.each([
  { asked: undefined, docker: null, kind: 'docker' },
  { asked: '', docker: null, kind: 'docker' },
  { asked: undefined, docker: ABSENT, kind: 'embedded' },
  { asked: '', docker: ABSENT, kind: 'embedded' },
  { asked: 'embedded', docker: null, kind: 'embedded' },
  { asked: 'embedded', docker: ABSENT, kind: 'embedded' },
  { asked: 'docker', docker: null, kind: 'docker' },
])('asked for "$asked", with Docker being "$docker", a run takes $kind', (row) => {
  expect(chooseEngineKind(row.asked, row.docker)).toBe(row.kind);
});

test('Docker that is asked for and cannot be used is an error that says why', () => {
  expect(() => chooseEngineKind('docker', ABSENT)).toThrow(/asks for docker.*no socket answers/);
});

test('an unknown kind is an error that names the known ones', () => {
  expect(() => chooseEngineKind('podman', null)).toThrow(/"podman"; set it to docker or embedded/);
});
