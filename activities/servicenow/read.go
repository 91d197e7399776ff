package servicenow

import (
	"context"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// readRecords is servicenow:now:table:retrieveRecord, or retrieveRecords.
type readRecords struct {
	action.NoEffects

	options Options
	isList  bool
}

// Describe lists the action with Backstage's schema.
func (a readRecords) Describe() action.Description {
	described := action.Description{
		ID: idPrefix + "retrieveRecord", Description: "Reads a record of ServiceNow.", InputSchema: schema("retrieveRecord.input"),
		OutputSchema: schema("output"), Needs: []string{fmt.Sprintf(needsAccount, "read")},
		Examples: []action.Example{
			{Description: "Read an incident", Example: `steps:
  - id: incident
    name: Read the incident
    action: servicenow:now:table:retrieveRecord
    input:
      tableName: incident
      sysId: ${{ parameters.incident }}
      sysparmFields:
        - number
        - state
`},
		},
	}
	if !a.isList {
		return described
	}
	described.ID, described.Description, described.InputSchema = idPrefix+"retrieveRecords", "Reads records of a table of ServiceNow.", schema("retrieveRecords.input")
	described.Examples = []action.Example{
		{Description: "The open incidents of a service", Example: `steps:
  - id: incidents
    name: Read the open incidents
    action: servicenow:now:table:retrieveRecords
    input:
      tableName: incident
      sysparmQuery: active=true^cmdb_ci.name=${{ parameters.name }}
      sysparmLimit: 10
`},
	}
	return described
}

// Run reads the record, or the records.
func (a readRecords) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, err := read(call)
	if err != nil {
		return nil, err
	}
	t, err := a.options.table(wanted.table)
	if err != nil {
		return nil, err
	}
	doing, at := "reading records", ""
	if !a.isList {
		doing, at = "reading the record "+wanted.sysID, path(wanted.sysID)
	}
	result, err := t.send(ctx, doing, http.MethodGet, at+wanted.query, nil)
	return output(result), err
}

// deleteRecord is servicenow:now:table:deleteRecord. It creates nothing, so there is nothing to undo.
type deleteRecord struct {
	action.NoEffects

	options Options
}

// Describe lists the action with Backstage's schema.
func (deleteRecord) Describe() action.Description {
	return action.Description{
		ID: idPrefix + "deleteRecord", Description: "Deletes a record of ServiceNow.", InputSchema: schema("deleteRecord.input"),
		Needs: []string{fmt.Sprintf(needsAccount, "delete")},
		Differences: []string{
			"A record that is not there does not fail the step: an attempt that was cut off may have deleted it.",
			"A rollback does not bring back what was deleted.",
		},
		Examples: []action.Example{
			{Description: "Delete a record of a retired service", Example: `steps:
  - id: retire
    name: Delete the configuration item
    action: servicenow:now:table:deleteRecord
    input:
      tableName: cmdb_ci_service
      sysId: ${{ parameters.item }}
`},
		},
	}
}

// Run deletes the record.
func (a deleteRecord) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, err := read(call)
	if err != nil {
		return nil, err
	}
	t, err := a.options.table(wanted.table)
	if err != nil {
		return nil, err
	}
	_, err = t.send(ctx, "deleting the record "+wanted.sysID, http.MethodDelete, path(wanted.sysID)+wanted.query, nil)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil // an earlier attempt may have deleted it
	}
	return nil, err
}

// Plan says what would be deleted.
func (a deleteRecord) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	wanted, err := read(call)
	return action.Plan{Summary: "delete the record " + wanted.table + "/" + wanted.sysID + " of ServiceNow"}, err
}
