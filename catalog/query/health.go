package query

// Finding is a list of entities with which something is wrong.
type Finding string

const (
	// Orphans are entities that nothing emits any more, kept by catalog.orphanStrategy.
	Orphans Finding = "orphans"
	// Unowned are entities whose owner is not in the catalog, and templates that name none: the other kinds that
	// should have an owner are not valid without.
	Unowned Finding = "unowned"
	// Dangling are entities with a relation to something that is not in the catalog.
	Dangling Finding = "dangling"
	// Duplicates are entities of repositories from which entities of several branches are served.
	Duplicates Finding = "duplicates"
)

// findings selects the uids of the entities of a finding, each once.
var findings = map[Finding]string{
	Orphans: "select entity_id from catalog_search where key = 'metadata.annotations.backstage.io/orphan' and value = 'true'",
	Unowned: `select e.entity_id from catalog_missing m join catalog_relations r on r.source_ref = m.entity_ref and r.type = 'ownerOf'
		join catalog_entities e on e.entity_ref = r.target_ref
		union
		select k.entity_id from catalog_search k where k.key = 'kind' and k.value = 'template'
		and not exists (select from catalog_search o where o.entity_id = k.entity_id and o.key = 'relations.ownedby')`,
	Dangling: `select distinct e.entity_id from catalog_missing m join catalog_relations r on r.source_ref = m.entity_ref
		join catalog_entities e on e.entity_ref = r.target_ref`,
	Duplicates: `select e.entity_id from catalog_entities e where e.repository in (
		select repository from catalog_entities where repository is not null group by repository having min(branch) <> max(branch))`,
}

// Findings lists the findings.
func Findings() []Finding { return []Finding{Orphans, Unowned, Dangling, Duplicates} }

// Page returns up to most readable entities of a finding, sorted by reference, after the given one ("" for the first):
// reference, location, repository and branch ("" where there is none), and up to ten missing targets of relations.
func (f Finding) Page(readable Grant, after string, most int) Statement {
	b := &builder{}
	b.text(`select e.entity_ref, coalesce(s.location_key, ''), coalesce(e.repository, ''), coalesce(e.branch, ''),
		array(select distinct r.target_ref from catalog_relations r join catalog_missing m on m.entity_ref = r.target_ref
			where r.source_ref = e.entity_ref order by 1 limit 10)::text[]
		from (`, findings[f], `) f join catalog_entities e on e.entity_id = f.entity_id left join catalog_states s on s.entity_id = e.entity_id
		where e.entity_ref > `, b.arg(after))
	b.andEntity(grantedScope(readable, nil), "e")
	b.text(" order by e.entity_ref limit ", b.arg(most))
	return b.statement()
}

// Conflicts returns up to most conflicts over readable entities after the given one, each as in the table.
func Conflicts(readable Grant, after [3]string, most int) Statement {
	b := &builder{}
	b.text(`select c.entity_ref, c.holder_key, c.claimant_key, c.claimant_ref, c.first_seen_at, c.last_seen_at, c.failed_hash
		from catalog_conflicts c where (c.entity_ref, c.claimant_key, c.claimant_ref) > (`, b.arg(after[0]), ", ", b.arg(after[1]), ", ", b.arg(after[2]), ")")
	if _, conditional := readable.Filter(); conditional || readable.IsNothing() {
		b.text(" and exists (select from catalog_entities e where e.entity_ref = c.entity_ref")
		b.andEntity(grantedScope(readable, nil), "e")
		b.text(")")
	}
	b.text(" order by c.entity_ref, c.claimant_key, c.claimant_ref limit ", b.arg(most))
	return b.statement()
}
