package processing

import (
	"github.com/portico-dev/portico/audit"
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

// some are the first references, nil for none.
func some(refs []string) any {
	if len(refs) == 0 {
		return nil
	}
	return refs[:min(len(refs), maxNamed)]
}
