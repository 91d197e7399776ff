package servicenow

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/system"
	"github.com/portico-dev/portico/integration/rest"
)

// fields are the fields of a record: the value and the display value of each.
type fields map[string]struct {
	Value   string `json:"value"`
	Display string `json:"display_value"`
}

func (f fields) id() string { return f["sys_id"].Value }

// has reports whether the record has these values, as they are or as they are displayed.
func (f fields) has(wanted map[string]string) bool {
	for name, text := range wanted {
		if f[name].Value != text && f[name].Display != text {
			return false
		}
	}
	return true
}

// scalars are the values of a body that can be compared: texts, numbers and booleans that have none of the secrets in
// them, because the ledger keeps them.
func scalars(body json.RawMessage, secrets map[string]string) map[string]string {
	var given map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&given) != nil {
		return nil
	}
	kept := map[string]string{}
	for name, value := range given {
		text, is := scalar(value)
		hasSecret := slices.ContainsFunc(slices.Collect(maps.Values(secrets)), func(secret string) bool { return secret != "" && strings.Contains(text, secret) })
		if is && !hasSecret {
			kept[name] = text
		}
	}
	return kept
}

// scalar is a value as ServiceNow has it.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return map[bool]string{true: "true", false: "false"}[value], true
	}
	return "", false
}

const bothValues = "sysparm_display_value"

// get reads a record, nil when ServiceNow shows none.
func (t table) get(ctx context.Context, sysID string) (fields, error) {
	result, err := t.send(ctx, "looking for a record", http.MethodGet, path(sysID)+system.Query(bothValues, "all", "sysparm_exclude_reference_link", "true"), nil)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found fields
	_ = json.Unmarshal(result, &found) // something else has no fields that are known
	return found, nil
}

// newest are the records that Portico's account has created last, the newest first.
func (t table) newest(ctx context.Context, most string) ([]fields, error) {
	query := system.Query("sysparm_query", "sys_created_by="+strings.ReplaceAll(t.user, "^", "^^")+"^ORDERBYDESCsys_created_on",
		bothValues, "all", "sysparm_exclude_reference_link", "true", "sysparm_limit", most)
	result, err := t.send(ctx, "listing the newest records", http.MethodGet, query, nil)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil // there is no such table: the request that writes says so
	}
	if err != nil {
		return nil, err
	}
	var listed []fields
	_ = json.Unmarshal(result, &listed) // something else is no list
	return listed, nil
}
