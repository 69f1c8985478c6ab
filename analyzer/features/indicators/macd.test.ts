import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { macd } from './macd.ts';

checkIndicatorContract(macd);
