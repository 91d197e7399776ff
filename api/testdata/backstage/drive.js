// Asks the server at the first argument, as the user with the token of the second argument, what Backstage's own clients ask,
// and prints the answers. The third argument is an entity that the user owns, the fourth one of others.
const { CatalogClient } = require('@backstage/catalog-client')
const { ConfigReader } = require('@backstage/config')
const { createPermission, PermissionClient } = require('@backstage/plugin-permission-common')
const { catalogEntityDeletePermission, catalogLocationCreatePermission, catalogLocationDeletePermission } = require('@backstage/plugin-catalog-common/alpha')

const [base, token, own, others] = process.argv.slice(2)
const discovery = { getBaseUrl: async (plugin) => `${base}/api/${plugin}` }
const withToken = { token }

// permissions asks for the same as a page of the frontend does: in one request each, and batched by permission.
async function permissions(batched) {
  const config = new ConfigReader({ permission: { enabled: true, EXPERIMENTAL_enableBatchedRequests: batched } })
  const client = new PermissionClient({ discovery, config })
  const unknown = createPermission({ name: 'no.such.permission', attributes: { action: 'read' } })
  const decisions = await client.authorize(
    [
      { permission: catalogLocationCreatePermission },
      { permission: catalogEntityDeletePermission, resourceRef: own },
      { permission: catalogLocationDeletePermission },
      { permission: catalogEntityDeletePermission, resourceRef: others },
      { permission: unknown },
    ],
    withToken,
  )
  return decisions.map((decision) => decision.result)
}

// refusal is the name and the status of the error that a call ends with.
async function refusal(call) {
  try {
    await call()
  } catch (error) {
    return `${error.body?.error?.name ?? error.name} ${error.statusCode ?? error.response?.status}`
  }
  return 'nothing'
}

const names = (entities) => entities.map((entity) => `${entity.kind}:${entity.metadata.namespace}/${entity.metadata.name}`.toLowerCase())

async function catalog() {
  const client = new CatalogClient({ discoveryApi: discovery })
  const listed = await client.getEntities({ fields: ['kind', 'metadata.name', 'metadata.namespace'] }, withToken)
  const pages = []
  let page = await client.queryEntities({ limit: 5, orderFields: [{ field: 'metadata.name', order: 'asc' }] }, withToken)
  for (;;) {
    pages.push(names(page.items))
    if (!page.pageInfo.nextCursor) break
    page = await client.queryEntities({ cursor: page.pageInfo.nextCursor, limit: 5 }, withToken)
  }
  const streamed = []
  for await (const some of client.streamEntities({ pageSize: 5 }, withToken)) streamed.push(...names(some))
  const byRefs = await client.getEntitiesByRefs({ entityRefs: [others, own] }, withToken)
  const { facets } = await client.getEntityFacets({ facets: ['kind'] }, withToken)
  const ancestors = await client.getEntityAncestors({ entityRef: own }, withToken)
  const hidden = await client.getEntityByRef(others, withToken)
  const mine = await client.getEntityByRef(own, withToken)
  await client.refreshEntity(own, withToken)
  const refused = await refusal(() => client.refreshEntity(others, withToken))
  await client.removeEntityByUid(mine.metadata.uid, withToken)
  return {
    listed: names(listed.items).sort(),
    pages: pages.map((some) => some.length),
    paged: pages.flat().sort(),
    streamed: streamed.sort(),
    byRefs: byRefs.items.map((entity) => (entity ? names([entity])[0] : null)),
    counted: facets.kind.reduce((sum, { count }) => sum + count, 0),
    ancestors: ancestors.items.length,
    hidden: hidden ?? null,
    refused,
    removed: (await client.getEntityByRef(own, withToken)) ?? null,
  }
}

async function main() {
  const answers = {
    single: await permissions(false),
    batched: await permissions(true),
    anonymous: await refusal(() =>
      new PermissionClient({ discovery, config: new ConfigReader({ permission: { enabled: true } }) }).authorize([{ permission: catalogLocationCreatePermission }]),
    ),
    catalog: await catalog(),
  }
  console.log(JSON.stringify(answers))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
