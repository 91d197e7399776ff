package processing

import (
	"context"
	"maps"
	"slices"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
)

// processor is who changes entities in the audit log when their sources change.
var processor = identity.System("catalog processing").Actor()

// wholeCatalog is the resource of events about entities of any location.
const wholeCatalog = "catalog"

// maxNamed bounds the entities that an event names. It counts all of them.
const maxNamed = 20

// named describes entities that went and came in the audit log.
func named(gone, come []string) []audit.Change {
	return []audit.Change{
		audit.Changed("entities", some(gone), some(come)),
		audit.Changed("count", len(gone), len(come)),
	}
}

// sourceChanges are the entities of one location that changed in one batch.
type sourceChanges struct{ created, changed, dropped []string }

// described describes the changes in the audit log.
func (c sourceChanges) described() []audit.Change {
	var changes []audit.Change
	for _, each := range []struct {
		field     string
		gone, now []string
	}{{"created", nil, c.created}, {"changed", nil, c.changed}, {"dropped", c.dropped, nil}} {
		if len(each.gone)+len(each.now) > 0 {
			changes = append(changes, audit.Changed(each.field, some(each.gone), some(each.now)), audit.Changed(each.field+".count", nil, len(each.gone)+len(each.now)))
		}
	}
	return changes
}

// recordChanges records which entities the sources created, changed and no longer emit, in one event for each
// location.
func (b *batch) recordChanges(ctx context.Context) error {
	changed := map[string]*sourceChanges{}
	for _, o := range slices.Concat(b.good, b.first) {
		location := wholeCatalog
		if spec, err := entity.ParseLocationRef(o.result.location); err == nil {
			location = spec.WithoutSecrets()
		}
		if changed[location] == nil {
			changed[location] = &sourceChanges{}
		}
		of := changed[location]
		if o.row.NeverGood {
			of.created = append(of.created, o.row.EntityRef)
		} else {
			of.changed = append(of.changed, o.row.EntityRef)
		}
		of.dropped = append(of.dropped, b.dropped[o.row.EntityRef]...)
	}
	var events db.Batch
	for _, location := range slices.Sorted(maps.Keys(changed)) {
		if err := audit.Record(ctx, &events, processor, audit.CatalogProcess, location, changed[location].described()...); err != nil {
			return err
		}
	}
	return wrapped(events.Send(ctx, b.tx), "record what changed")
}

// some are the first references, nil for none.
func some(refs []string) any {
	if len(refs) == 0 {
		return nil
	}
	return refs[:min(len(refs), maxNamed)]
}
