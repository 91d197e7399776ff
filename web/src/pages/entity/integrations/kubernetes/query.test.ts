import { expect, it } from 'vitest';
import { clusterWith } from './fixtures';
import { foundIn } from './query';

const failure = (what: string, message: string) => ({
  errorType: 'FETCH_ERROR',
  message: `reading ${what}: ${message}`,
});

it('has the clusters with objects, and says once why others cannot be asked', () => {
  const dev = clusterWith(
    { pods: [{ metadata: { name: 'shop-1' } }] },
    { errors: [{ errorType: 'NOT_FOUND', statusCode: 404, message: 'reading rollouts: the cluster has none' }] },
  );
  const down = clusterWith(
    {},
    {
      cluster: { name: 'prod' },
      errors: [
        failure('pods', 'the cluster prod could not be reached'),
        failure('jobs', 'the cluster prod could not be reached'),
      ],
    },
  );
  expect(foundIn({ items: [dev, down] })).toEqual({
    items: [dev],
    problems: [{ source: 'prod', message: 'the cluster prod could not be reached' }],
  });
});
