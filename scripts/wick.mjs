/**
 * Where `npm start` and `npm run wick` begin: plain JavaScript that any Node can read, so that an old
 * one gets a sentence and not a syntax error. All the rest is in wick.ts.
 */
const NODE_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  const { main } = await import('./wick.ts');
  await main();
} else {
  const message = `Wickstream needs Node ${NODE_MAJOR} or newer, this is ${process.version}; run it through npm after "npm ci", which brings one on Linux ("npm start", "npm run wick -- status"), or install Node ${NODE_MAJOR}`;
  process.stderr.write(`wick: ${message}\n`);
  if (process.argv.includes('--json')) {
    const error = { code: 'WICK_LOCAL_NODE_TOO_OLD', message };
    process.stdout.write(`${JSON.stringify({ error })}\n`);
  }
  process.exitCode = 1;
}
