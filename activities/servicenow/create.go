package servicenow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const recordKind = "servicenow:record"

// createRecord is servicenow:now:table:createRecord.
type createRecord struct{ options Options }

// Describe lists the action with Backstage's schema.
func (createRecord) Describe() action.Description {
	return action.Description{
		ID:           idPrefix + "createRecord",
		Description:  "Creates a record in a table of ServiceNow, such as an incident or a change request.",
		InputSchema:  schema("createRecord.input"),
		OutputSchema: schema("output"),
		Undoes:       "Deletes the record, unless somebody else has changed it.",
		Needs:        []string{fmt.Sprintf(needsAccount, "read, create and delete")},
		Differences: []string{
			"After an attempt that was cut off, the newest record of Portico's account with the same fields is taken for the step's.",
		},
		Examples: []action.Example{
			{Description: "Open an incident", Example: `steps:
  - id: incident
    name: Open an incident
    action: servicenow:now:table:createRecord
    input:
      tableName: incident
      requestBody:
        short_description: Review the new service ${{ parameters.name }}
        severity: "3"
`},
			{Description: "A change request, with its number as the answer", Example: `steps:
  - id: change
    name: Ask for the change
    action: servicenow:now:table:createRecord
    input:
      tableName: change_request
      requestBody:
        short_description: Deploy ${{ parameters.name }}
        assignment_group: Platform
      sysparmInputDisplayValue: true
      sysparmFields:
        - sys_id
        - number
`},
		},
	}
}

// newRecord is what the ledger keeps about a record.
type newRecord struct {
	Table string `json:"table"`
	// After is the newest record of Portico's account before, and AfterTime when it was created.
	After     string `json:"after,omitempty"`
	AfterTime string `json:"afterTime,omitempty"`
	// Fields are the record's, without secrets.
	Fields map[string]string `json:"fields,omitempty"`
}

// made is a record that was created.
type made struct {
	fields

	// answer is what ServiceNow answered to its creation, nil when an earlier attempt got that.
	answer json.RawMessage
}

// Run creates the record.
func (a createRecord) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, t, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	kept := newRecord{Table: wanted.table, Fields: scalars(wanted.body, call.Secrets)}
	before, err := t.newest(ctx, "1")
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		kept.After, kept.AfterTime = before[0].id(), before[0]["sys_created_on"].Value
	}
	done, effect, err := resource.Ensure(ctx, call, t.record(kept, wanted))
	switch {
	case err != nil:
		return nil, err
	case done.answer != nil:
		return output(done.answer), nil
	}
	result, err := t.send(ctx, "reading the record", http.MethodGet, path(effect.ExternalID)+wanted.query, nil)
	return output(result), err
}

func (a createRecord) begin(call *action.Call) (asked, table, error) {
	wanted, err := read(call)
	if err != nil {
		return wanted, table{}, err
	}
	t, err := a.options.table(wanted.table)
	return wanted, t, err
}

// record describes a record to package resource.
func (t table) record(kept newRecord, wanted asked) resource.Spec[made] {
	return resource.Spec[made]{
		Intent: action.Intent{Kind: recordKind, Name: t.name, Data: kept},
		Title:  "the record in the table " + t.name + " of ServiceNow",
		Find:   t.find,
		Create: func(ctx context.Context, effect action.Effect) (*resource.Found[made], error) {
			return t.create(ctx, effect, wanted)
		},
		Delete: func(ctx context.Context, found made) error {
			_, err := t.send(ctx, "deleting the record "+found.id(), http.MethodDelete, path(found.id()), nil)
			if rest.IsStatus(err, http.StatusNotFound) {
				return resource.ErrNotExist
			}
			return err
		},
		Hidden: t.hidden,
		Used: func(_ context.Context, _ action.Effect, found made) (string, error) {
			if by := found.fields["sys_updated_by"].Value; by != "" && by != t.user {
				return by + " has changed it", nil
			}
			return "", nil
		},
	}
}

// find finds the record of an effect: by its sys_id, or among those that Portico's account has created since the intent.
func (t table) find(ctx context.Context, effect action.Effect) (*resource.Found[made], error) {
	if effect.ID == "" || effect.Fresh {
		return nil, nil // nothing can have been created for it
	}
	if effect.ExternalID != "" {
		found, err := t.get(ctx, effect.ExternalID)
		return foundRecord(found, nil), err
	}
	kept, err := resource.RecordOf[newRecord](effect)
	if err != nil {
		return nil, err
	}
	listed, err := t.newest(ctx, "100")
	for _, one := range listed {
		if one.id() == kept.After || one["sys_created_on"].Value < kept.AfterTime {
			break
		}
		if one.has(kept.Fields) {
			return foundRecord(one, nil), err
		}
	}
	return nil, err
}

// foundRecord belongs to the effect: find has left out the others.
func foundRecord(found fields, answer json.RawMessage) *resource.Found[made] {
	if found == nil {
		return nil
	}
	return &resource.Found[made]{Thing: made{found, answer}, ID: found.id(), MadeFor: func(action.Effect) bool { return true }}
}

// create creates the record. When the answer's fields do not include its sys_id, it is looked for.
func (t table) create(ctx context.Context, effect action.Effect, wanted asked) (*resource.Found[made], error) {
	result, err := t.send(ctx, "creating a record", http.MethodPost, wanted.query, wanted.body)
	if err != nil {
		return nil, err
	}
	if id := idOf(result); id != "" {
		return foundRecord(fields{"sys_id": {Value: id}}, result), nil
	}
	effect.Fresh = false
	found, err := t.find(ctx, effect)
	if err == nil && found == nil {
		return nil, action.Transient(errors.New("ServiceNow does not show the record that was created"), 0)
	}
	if found != nil {
		found.Thing.answer = result
	}
	return found, err
}

// idOf is the sys_id of an answer, which may have display values beside the values.
func idOf(result json.RawMessage) string {
	var plain struct {
		SysID string `json:"sys_id"`
	}
	if json.Unmarshal(result, &plain) == nil {
		return plain.SysID
	}
	var both fields
	_ = json.Unmarshal(result, &both) // another answer has none
	return both.id()
}

// hidden says whether Portico's account may read the table at all: ServiceNow answers "not found" for what it hides.
func (t table) hidden(ctx context.Context) (string, error) {
	_, err := t.send(ctx, "reading a record", http.MethodGet, system.Query("sysparm_limit", "1", "sysparm_fields", "sys_id"), nil)
	if fault.KindOf(err) == fault.NotAllowed {
		return fmt.Sprintf("the account %s may not read the table %s", t.user, t.name), nil
	}
	return "", err
}

// Undo deletes the record.
func (a createRecord) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[newRecord](call.Effect)
	if err != nil {
		return err
	}
	t, err := a.options.table(kept.Table)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, t.record(kept, asked{}))
}

// Plan says what Run would create.
func (a createRecord) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	_, t, err := a.begin(call)
	return action.Plan{Summary: "create a record in the table " + t.name + " of ServiceNow", Creates: []action.PlannedEffect{{Kind: recordKind, Name: t.name}}}, err
}
