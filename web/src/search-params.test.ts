import { describe, expect, it } from 'vitest';
import { queryString } from './api/request';
import {
  parseSearch,
  readAuditSearch,
  readCatalogSearch,
  readRunSearch,
  readRunsSearch,
  readSearchSearch,
  readTemplateSearch,
} from './search-params';

describe('addresses', () => {
  it.each([
    ['?kind=component&q=pet&owner=group:default/a&owner=group:default/b', readCatalogSearch],
    ['?step=publish&view=log&line=12-20&find=error', readRunSearch],
    ['?status=failed', readRunsSearch],
    ['?who=user:default/ada&action=run.create&outcome=denied&since=2026-01-31', readAuditSearch],
    ['?phase=parked&group=cause', readRunsSearch],
    [
      '?query=shop&types[]=techdocs&filters[kind][]=Component&filters[kind][]=API&filters[lang][]=go&pageCursor=MQ==',
      readSearchSearch,
    ],
    ['?page=2&formData={"name":"1"}', readTemplateSearch],
  ])('survive being read and written: %s', (address, read) => {
    const search = read(parseSearch(address));
    expect(decodeURIComponent(queryString(search))).toBe(address);
  });

  it('of the search are read in each form that Backstage writes', () => {
    expect(
      readSearchSearch(parseSearch('?types[0]=techdocs&filters[kind]=API&filters[tag][1]=go&filters[none]=x')),
    ).toEqual({
      'types[]': ['techdocs'],
      'filters[kind][]': ['API'],
      'filters[tag][]': ['go'],
    });
  });

  it('drop unknown parameters', () => {
    expect(readRunsSearch(parseSearch('?status=exploded&group=x&by='))).toEqual({});
    expect(readTemplateSearch(parseSearch('?page=-3'))).toEqual({});
    expect(readAuditSearch(parseSearch('?outcome=maybe&since=yesterday'))).toEqual({});
    expect(readRunSearch(parseSearch('?view=nonsense&step=1'))).toEqual({ step: '1' });
  });
});
