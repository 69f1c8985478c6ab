import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { simpleReturn } from './simple-return.ts';

checkIndicatorContract(simpleReturn);
