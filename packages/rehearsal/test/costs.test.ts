import { dataApiRequestsOf } from '../src/costs.js';

it.each([
  [0, 1],
  [32_768, 1],
  [32_769, 2],
  [65_536, 2],
  [5 * 1_048_576, 160],
])('a call of the Data API with %d bytes is billed as %d requests', (bytes, requests) => {
  expect(dataApiRequestsOf(bytes)).toBe(requests);
});
