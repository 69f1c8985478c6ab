import { expect, it } from 'vitest';
import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { flatBars } from '../../../tests/support/bars.ts';
import { resultOf } from '../indicator.ts';
import { bollinger } from './bollinger.ts';

checkIndicatorContract(bollinger);

it('has no %B where the bands meet because they are narrower than a float can tell', () => {
  const price = 1e15;
  const bands = bollinger.create(20, 2);
  for (const bar of flatBars(price, 20, 1)) bands.add(bar);
  const [last] = flatBars(price + 0.125, 1, 1);
  bands.replace(last!);
  expect(resultOf(bands, 4)).toEqual([price, price, price, null]);
});
