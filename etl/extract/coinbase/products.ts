/**
 * Coinbase's products as instruments. In: the list of the Exchange API, or that of Advanced Trade. Out:
 * spot pairs, and for each entry left out why. An entry that is another id of a listed book becomes an
 * alias of it, where the venue says so; nothing is guessed from names.
 */
import type { LeftOutInstrument, MappedInstruments } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import type { Instrument } from '../venue.ts';
import { MARKET_TYPE, stepOf } from './map.ts';
import { EXCHANGE } from './symbol.ts';
import {
  ADVANCED_PRODUCT,
  ADVANCED_PRODUCTS,
  PRODUCT,
  PRODUCTS,
  type AdvancedProduct,
  type Product,
} from './wire.ts';

/** Null where the answer is neither list. */
export function mapInstruments(json: unknown): MappedInstruments | null {
  if (PRODUCTS.Check(json)) return mapEach(json, mapProduct);
  return ADVANCED_PRODUCTS.Check(json) ? mapEach(json.products, mapAdvancedProduct) : null;
}

type Mapped = Instrument | Pick<LeftOutInstrument, 'reason' | 'detail'>;

function mapEach(rows: readonly unknown[], map: (row: unknown) => Mapped): MappedInstruments {
  const instruments: Instrument[] = [];
  const leftOut: LeftOutInstrument[] = [];
  for (const [index, row] of rows.entries()) {
    const mapped = map(row);
    if ('reason' in mapped) leftOut.push({ ...mapped, index, row });
    else instruments.push(mapped);
  }
  return { instruments, leftOut };
}

function mapProduct(row: unknown): Mapped {
  if (!PRODUCT.Check(row)) return malformed(PRODUCT, row);
  return instrumentOf(row, []);
}

function mapAdvancedProduct(row: unknown): Mapped {
  if (!ADVANCED_PRODUCT.Check(row)) return malformed(ADVANCED_PRODUCT, row);
  if (row.product_type !== 'SPOT') {
    const detail = `"${row.product_id}" is of type "${row.product_type}"; only spot pairs are kept`;
    return { reason: 'unsupported', detail };
  }
  if (row.alias !== undefined && row.alias !== '') {
    const detail = `"${row.product_id}" is another id of "${row.alias}", and found by that name too`;
    return { reason: 'unsupported', detail };
  }
  return instrumentOf(productOf(row), aliasesOf(row));
}

function malformed(shape: Parameters<typeof mismatch>[1], row: unknown): Mapped {
  return { reason: 'malformed_row', detail: mismatch('a product', shape, row).detail };
}

/** What an instrument is made of, whichever list it comes from. */
type Described = { readonly [K in keyof Product]: Product[K] | undefined } & {
  readonly [K in 'id' | 'base_currency' | 'quote_currency' | 'status']: string;
};

function productOf(row: AdvancedProduct): Described {
  return {
    id: row.product_id,
    base_currency: row.base_currency_id,
    quote_currency: row.quote_currency_id,
    base_increment: row.base_increment,
    quote_increment: row.price_increment ?? row.quote_increment,
    status: row.status,
    trading_disabled: row.trading_disabled === true || row.is_disabled === true,
  };
}

/** Other ids of the book, in the venue's spelling and in ours. */
function aliasesOf({ alias_to: ids = [] }: AdvancedProduct): readonly string[] {
  return ids.flatMap((id) => [id, id.replace('-', '/')]);
}

function instrumentOf(product: Described, aliases: readonly string[]): Instrument {
  return {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol: `${product.base_currency}/${product.quote_currency}`,
    base: product.base_currency,
    quote: product.quote_currency,
    venueSymbol: product.id,
    aliases,
    isTrading: product.status === 'online' && product.trading_disabled !== true,
    venueStatus: product.status,
    // `new_at` of Advanced Trade is no listing date: BTC-USD has one of 2023.
    onboardTime: null,
    delistTime: null,
    tickSize: stepOf(product.quote_increment),
    stepSize: stepOf(product.base_increment),
  };
}
