package servicenow

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const changeKind = "servicenow:record-change"

// changeRecord is servicenow:now:table:updateRecord, which sends PATCH, and modifyRecord, which sends PUT.
type changeRecord struct {
	options  Options
	id, verb string
}

// Describe lists the action with Backstage's schema.
func (a changeRecord) Describe() action.Description {
	return action.Description{
		ID:           idPrefix + a.id,
		Description:  "Changes fields of a record of ServiceNow, by " + a.verb + ".",
		InputSchema:  schema(a.id + ".input"),
		OutputSchema: schema("output"),
		Undoes:       "Gives the fields the values back that they had before, unless the record was changed since.",
		Needs:        []string{fmt.Sprintf(needsAccount, "read and change")},
		Examples: []action.Example{
			{Description: "Assign an incident", Example: `steps:
  - id: assign
    name: Assign the incident
    action: ` + idPrefix + a.id + `
    input:
      tableName: incident
      sysId: ${{ steps.incident.output.result.sys_id }}
      requestBody:
        assigned_to: ${{ parameters.owner }}
`},
			{Description: "Close it, by the names that people see", Example: `steps:
  - id: close
    name: Close the incident
    action: ` + idPrefix + a.id + `
    input:
      tableName: incident
      sysId: 46e57642a9fe1981012b7bcf3d4e8a5b
      requestBody:
        state: Closed
      sysparmInputDisplayValue: true
`},
		},
	}
}

// change is what the ledger keeps about a change.
type change struct {
	Table string `json:"table"`
	SysID string `json:"sysId"`
	// Before are the changed fields as they were, nil when the record could not be read.
	Before map[string]string `json:"before,omitempty"`
	// Count is ServiceNow's count of the record's changes, after this one.
	Count string `json:"count,omitempty"`
}

func (c change) name() string { return c.Table + "/" + c.SysID }

// isBack reports whether the fields have their former values.
func (c change) isBack(now fields) bool { return len(c.Before) > 0 && now.hasValues(c.Before) }

// hasValues reports whether the record has these values.
func (f fields) hasValues(wanted map[string]string) bool {
	return maps.Equal(f.only(wanted), wanted)
}

// only are the values of the fields that a map has, too.
func (f fields) only(names map[string]string) map[string]string {
	values := map[string]string{}
	for name := range names {
		values[name] = f[name].Value
	}
	return values
}

func (a changeRecord) begin(call *action.Call) (asked, table, *change, error) {
	wanted, err := read(call)
	if err != nil {
		return wanted, table{}, nil, err
	}
	t, err := a.options.table(wanted.table)
	return wanted, t, &change{Table: wanted.table, SysID: wanted.sysID}, err
}

// Run changes the record.
func (a changeRecord) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	wanted, t, kept, err := a.begin(call)
	if err != nil {
		return nil, err
	}
	now, err := t.get(ctx, kept.SysID)
	if err != nil {
		return nil, err
	}
	if now != nil { // otherwise the change says so
		kept.Before = now.only(scalars(wanted.body, nil))
	}
	var answer json.RawMessage
	spec := t.change(kept)
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[fields], error) {
		if effect.State != action.EffectCreated {
			return nil, remember(effect, kept) // what is changed already is changed to the same again
		}
		return t.findChange(ctx, kept)
	}
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[fields], error) {
		if answer, err = t.send(ctx, "changing the record "+kept.SysID, a.verb, path(kept.SysID)+wanted.query, wanted.body); err != nil {
			return nil, err
		}
		return t.findChange(ctx, kept)
	}
	if _, _, err := resource.Ensure(ctx, call, spec); err != nil {
		return nil, err
	}
	if answer == nil {
		answer, err = t.send(ctx, "reading the record "+kept.SysID, http.MethodGet, path(kept.SysID)+wanted.query, nil)
	}
	return output(answer), err
}

// remember takes the former values that an earlier attempt has recorded: they are the ones from before the change.
func remember(effect action.Effect, kept *change) error {
	if effect.ID == "" || effect.Fresh {
		return nil
	}
	earlier, err := resource.RecordOf[change](effect)
	if err == nil {
		kept.Before = earlier.Before
	}
	return err
}

// findChange is the change as it is now: the record. What ServiceNow does not show is a record without fields.
func (t table) findChange(ctx context.Context, kept *change) (*resource.Found[fields], error) {
	now, err := t.get(ctx, kept.SysID)
	if err != nil {
		return nil, err
	}
	if kept.Count == "" {
		kept.Count = now["sys_mod_count"].Value
	}
	return &resource.Found[fields]{Thing: now, MadeFor: func(action.Effect) bool { return true }}, nil
}

// change describes a change to package resource, for taking it back.
func (t table) change(kept *change) resource.Spec[fields] {
	return resource.Spec[fields]{
		Intent: action.Intent{Kind: changeKind, Name: kept.name(), Data: kept},
		Title:  "the change of the record " + kept.name() + " of ServiceNow",
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[fields], error) {
			found, err := t.findChange(ctx, kept)
			if err == nil && kept.isBack(found.Thing) {
				return nil, nil
			}
			return found, err
		},
		Used: func(_ context.Context, _ action.Effect, now fields) (string, error) {
			switch {
			case len(now) == 0:
				return "ServiceNow does not show the record", nil
			case len(kept.Before) == 0:
				return "nobody knows what the record was before", nil
			case now["sys_mod_count"].Value != kept.Count:
				return now["sys_updated_by"].Value + " has changed it since", nil
			}
			return "", nil
		},
		Delete: func(ctx context.Context, _ fields) error {
			body, err := json.Marshal(kept.Before)
			if err != nil {
				return action.Final(fmt.Errorf("encode the former values: %w", err))
			}
			_, err = t.send(ctx, "giving the record "+kept.SysID+" its values back", http.MethodPatch, path(kept.SysID), body)
			return err
		},
	}
}

// Undo gives the fields their values back.
func (a changeRecord) Undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := resource.RecordOf[change](call.Effect)
	if err != nil {
		return err
	}
	t, err := a.options.table(kept.Table)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, t.change(&kept))
}

// Plan says what Run would change.
func (a changeRecord) Plan(_ context.Context, call *action.Call) (action.Plan, error) {
	_, _, kept, err := a.begin(call)
	if err != nil {
		return action.Plan{}, err
	}
	return action.Plan{Summary: "change the record " + kept.name() + " of ServiceNow", Creates: []action.PlannedEffect{{Kind: changeKind, Name: kept.name()}}}, nil
}
