import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { realisedVolatility } from './realised-volatility.ts';

checkIndicatorContract(realisedVolatility);
