/**
 * Which module may import which: the layers of ARCHITECTURE.md as rules. In: every module of the
 * repository. Out: an error for each import that points the wrong way. tests/tidy.test.ts holds that
 * the run saw the whole tree: with a TypeScript that dependency-cruiser cannot load it would check
 * nothing and still exit 0.
 *
 *   core ← platform ← stages (scheduler → etl, analyzer → connectors, research → analyzer; api none)
 *   proof: core, platform and analyzer, to hold the two ends against each other; of the stages scheduler uses it
 *   local: core, platform and itself · scripts, bench and tests compose whatever they need
 */

const STAGES = '^(scheduler|etl|connectors|analyzer|api|research)/';
const TESTS = '(^tests/|\\.test\\.ts$)';
/** Modules that wire others together or measure them. */
const COMPOSERS = '^(scripts|bench)/';

/**
 * Only its owner may know a client library, beside local/, bench/ and tests.
 * @param {string} library
 * @param {string} owner pattern of the modules
 */
function clientRule(library, owner) {
  return {
    name: `${library.replaceAll(/[@/]/g, '')}-only-in-platform`,
    comment: `${library} is behind ${owner}; use that, or extend it.`,
    severity: 'error',
    from: { pathNot: [owner.replaceAll('.', '\\.'), '^local/', '^bench/', TESTS] },
    to: { path: `^node_modules/${library}/` },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Move what both need into a module below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved',
      comment: 'The import names nothing that exists.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-package',
      comment: 'Declare it in package.json; what runs in production under dependencies.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-package-in-production',
      comment: 'The image holds no devDependencies.',
      severity: 'error',
      from: {
        path: '^(core|platform|scheduler|etl|connectors|analyzer|api|research|proof|local|scripts)/',
        pathNot: TESTS,
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'optional-packages-only-in-local',
      comment: 'The image holds no optional package, and not every system has one.',
      severity: 'error',
      from: { pathNot: ['^local/', '^bench/', TESTS] },
      to: { dependencyTypes: ['npm-optional'] },
    },
    {
      name: 'core-is-pure',
      comment:
        'core is the words of the domain: itself and typebox, no node built-in, nothing with I/O.',
      severity: 'error',
      from: { path: '^core/', pathNot: TESTS },
      to: { pathNot: ['^core/', '^node_modules/typebox/'] },
    },
    {
      name: 'features-and-signals-are-pure',
      comment:
        'The maths of the analyzer sees core and itself: no node built-in, no platform, no other part.',
      severity: 'error',
      from: { path: '^analyzer/(features|signals|model)/', pathNot: TESTS },
      to: { pathNot: ['^core/', '^analyzer/(features|signals|model)/', '^node_modules/typebox/'] },
    },
    {
      name: 'platform-knows-core-only',
      comment: 'platform serves every stage, so it knows none.',
      severity: 'error',
      from: { path: '^platform/', pathNot: TESTS },
      to: { path: '^(?!core/|platform/|node_modules/)[^/]+/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'stages-meet-at-stores',
      comment:
        'A stage meets another at a store or topic named in core/contracts, or at the index.ts of its left neighbour.',
      severity: 'error',
      from: { path: STAGES, pathNot: TESTS },
      to: {
        path: STAGES,
        pathNot: ['^$1/', '^etl/index\\.ts$', '^connectors/index\\.ts$', '^analyzer/index\\.ts$'],
      },
    },
    ...[
      ['etl', 'scheduler'],
      ['connectors', 'analyzer'],
      ['analyzer', 'research'],
    ].map(([stage, neighbour]) => ({
      name: `${stage}-edge-serves-${neighbour}`,
      comment: `Of the stages only ${neighbour}/ imports ${stage}/index.ts.`,
      severity: 'error',
      from: { path: STAGES, pathNot: [TESTS, `^(${stage}|${neighbour})/`] },
      to: { path: `^${stage}/index\\.ts$` },
    })),
    {
      name: 'proof-knows-what-it-proves',
      comment: 'A proof holds stores against what the analyzer computes; it knows no other stage.',
      severity: 'error',
      from: { path: '^proof/', pathNot: TESTS },
      to: { path: '^(scheduler|etl|connectors|api|research|scripts|local|bench|tests)/' },
    },
    {
      name: 'proof-edge-serves-scheduler',
      comment: 'Of the stages only scheduler/ proves, by proof/index.ts.',
      severity: 'error',
      from: { path: STAGES, pathNot: [TESTS] },
      to: { path: '^proof/', pathNot: ['^proof/index\\.ts$'] },
    },
    {
      name: 'proof-is-no-part-of-other-stages',
      comment: 'What is proven does not prove itself.',
      severity: 'error',
      from: { path: STAGES, pathNot: [TESTS, '^scheduler/'] },
      to: { path: '^proof/index\\.ts$' },
    },
    {
      name: 'stages-are-composed-not-composing',
      comment:
        'Nothing below imports the command line, the embedded stack, the benchmarks or the tests.',
      severity: 'error',
      from: { path: `${STAGES}|^(core|platform)/`, pathNot: TESTS },
      to: { path: '^(scripts|local|bench|tests)/' },
    },
    {
      name: 'local-knows-no-stage',
      comment: 'The embedded stack runs engines; it knows core, platform and itself.',
      severity: 'error',
      from: { path: '^local/', pathNot: TESTS },
      to: { path: `${STAGES}|^(proof|scripts|bench|tests)/` },
    },
    {
      name: 'composers-are-leaves',
      comment: 'bench and tests are imported by nobody but themselves.',
      severity: 'error',
      from: { path: COMPOSERS, pathNot: ['^bench/', TESTS] },
      to: { path: '^(bench|tests)/' },
    },
    clientRule('kafkajs', '^platform/kafka.ts$'),
    clientRule('pg', '^platform/(migrate-)?postgres(-roles|-session)?.ts$'),
    clientRule('@clickhouse', '^platform/clickhouse.ts$'),
    clientRule('ioredis', '^platform/redis.ts$'),
  ],
  options: {
    exclude: { path: ['^\\.wickstream', '^coverage/', '^reports/'] },
    doNotFollow: { path: '^node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
