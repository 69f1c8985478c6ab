/** A place in the WAL as Postgres writes it. In: a number of bytes. Out: for example `0/20BBC30`. Pure. */

const LOW_BITS = 32n;
const LOW_MASK = 0xffff_ffffn;

/** The place as people and Postgres read it. */
export function lsnText(lsn: bigint): string {
  const half = (part: bigint): string => part.toString(16).toUpperCase();
  return `${half(lsn >> LOW_BITS)}/${half(lsn & LOW_MASK)}`;
}

/** The number behind the text. @param text as `lsnText` writes it. */
export function lsnOf(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << LOW_BITS) + BigInt(`0x${low}`);
}
