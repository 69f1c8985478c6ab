import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { rsi } from './rsi.ts';

checkIndicatorContract(rsi);
