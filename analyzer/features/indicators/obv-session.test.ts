import { checkIndicatorContract } from '../../../tests/contracts/indicator.ts';
import { obvSession } from './obv-session.ts';

checkIndicatorContract(obvSession);
