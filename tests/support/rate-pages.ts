/**
 * Pages of rates made up for tests: no such page exists, and no number in them is a price. One is what
 * `sources/example-rates.json` declares; one has the structure of a common converter site's table
 * (a name, a rate and its inverse in links that carry the codes).
 */

export interface SyntheticRow {
  readonly code: string;
  readonly nominal: string;
  readonly rate: string;
}

export const SYNTHETIC_ROWS: readonly SyntheticRow[] = [
  { code: 'USD', nominal: '1', rate: '0,9134' },
  { code: 'JPY', nominal: '100', rate: '0,5821' },
  { code: 'IDR', nominal: '1000', rate: '1.234,5' },
  { code: 'XAU', nominal: '1', rate: '2.000,00' },
];

/** @param date as the heading says it, for example `5 April 2016`. */
export function syntheticRatesPage(
  date: string,
  rows: readonly SyntheticRow[] = SYNTHETIC_ROWS,
): string {
  const body = rows.map(
    ({ code, nominal, rate }) =>
      `<tr><td><a href="/chart?from=EUR&amp;to=${code}">${code.toLowerCase()}</a></td>` +
      `<td>${nominal}</td><td> ${rate}&nbsp;EUR </td></tr>`,
  );
  return `<!doctype html><html><head><meta charset="utf-8"><title>Synthetic</title></head><body>
<h1>Rates of ${date}</h1><table class="other"><tbody><tr><td>1</td></tr></tbody></table>
<table class="rates"><thead><tr><th>Currency</th><th>Units</th><th>Rate</th></tr></thead>
<tbody>${body.join('\n')}</tbody></table></body></html>`;
}

/** Names and numbers of its own; old markup: unquoted attributes, blank lines, no closing of cells. */
export const SYNTHETIC_CONVERTER_PAGE = `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Synthetic converter</title></head><body>
<span class="stamp">Apr 05, 2014 20:59 UTC</span>
<table class="ratesTable" cellpadding=0 cellspacing=0>
 <thead><tr><th class='head'>Thaler</th><th class='head'>1.00 THL</th><th>inv. 1.00 THL</th></tr></thead>
 <tbody>

  <tr><td>Florin</td>
   <td class='cell'><a href='/graph/?from=THL&amp;to=FLR'>0.700001</a></td>
   <td class='cell'><a href='/graph/?from=FLR&amp;to=THL'>1.428569</a></td></tr>
  <tr><td>Groat</td>
   <td class='cell'><a href='/graph/?from=THL&amp;to=GRT'>1,059.870000</a>
   <td class='cell'><a href='/graph/?from=GRT&amp;to=THL'>0.000943</a></tr>
  <tr><td>Ducat</td>
   <td class='cell'><a href='/graph/?from=THL&amp;to=DUC'>NaN</a></td>
   <td class='cell'></td></tr>
 </tbody>
</table>
</body></html>`;
