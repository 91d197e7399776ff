package audit_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
)

// decision says what the audit log gets when some columns of a table are written.
type decision struct {
	// kind is recorded (an event has the value, or identifies it), secret (an event says that it was set, and
	// nothing else) or irrelevant.
	kind string
	// columns are the columns, separated by spaces.
	columns string
	// reason says which events have it, or why none does.
	reason string
}

// The kinds of decision.
const (
	recorded   = "recorded"
	secret     = "secret"
	irrelevant = "irrelevant"
)

// The reasons that many columns share.
const (
	ofTheLog   = "the log itself"
	derived    = "computed from sources: catalog.process names the entities that changed"
	progress   = "what a run does is in its own log; run.* record who had it done"
	ofRoles    = "role.*, policy.*, condition.* and plugin.*, as their resource, actor, time or a change"
	listOrder  = "the order in a list"
	itself     = "Portico's own work, which nobody asks for"
	ofRun      = "run.create, as its resource or by the digest of the spec"
	ofCommand  = "run.retry, run.rollback and run.cancel"
	indexed    = "computed from what is searched"
	ofLocation = "location.*, as their resource, actor, time or a change"
)

// ofDocuments are the columns of the search index.
const ofDocuments = "type id entity_id entity_ref name title document body words facets digest key"

// decisions has the decision for every column of every table.
var decisions = map[string][]decision{
	"audit_events":   {{irrelevant, "id at actor_kind actor on_behalf_of action resource outcome reason changes address request_id trace_id", ofTheLog}},
	"audit_seals":    {{irrelevant, "number sealed_at previous event_ids hashes", ofTheLog}},
	"audit_webhook":  {{irrelevant, "one delivered delivered_events progress_at failures next_attempt_at lease leased_until", ofTheLog}},
	"audit_unsealed": {{irrelevant, "event_id", ofTheLog}},

	"bookmarks": {{irrelevant, "user_ref list entity_ref marked_at", "a person's own lists, which only they see"}},

	"catalog_locations": {
		{recorded, "id type target created_at created_by", ofLocation},
		{irrelevant, "entity_ref", "computed from the target"},
	},
	"catalog_entities": {
		{recorded, "entity_id entity_ref", "entity.delete"},
		{irrelevant, "hash entity updated_at changed_by version own_hash repository branch", derived},
	},
	"catalog_states": {
		{recorded, "entity_id entity_ref", "entity.delete, entity.refresh and catalog.process"},
		{irrelevant, "location_key unprocessed unprocessed_hash processed result_hash errors failures last_discovered_at last_processed_at readings line unserved processed_for", derived},
		{irrelevant, "next_update_at held_by read_at urgent_since", itself},
		{recorded, "asked_by", "entity.refresh and location.*, as their actor"},
	},
	"catalog_conflicts":  {{irrelevant, "entity_ref holder_key claimant_key claimant_ref first_seen_at last_seen_at failed_hash", derived}},
	"catalog_references": {{irrelevant, "id source_key source_ref target_ref", derived}},
	"catalog_relations":  {{irrelevant, "origin_id source_ref type target_ref", derived}},
	"catalog_search":     {{irrelevant, "entity_id key value original_value kind", derived}},
	"catalog_versions":   {{irrelevant, "id entity_ref entity_id version since until changed_by hash entity removed_by", derived}},
	"catalog_missing":    {{irrelevant, "entity_ref since", derived}},
	"catalog_sources": {
		{recorded, "name left_at created_at paused", "source.configure, source.pause and source.resume"},
		{irrelevant, "kind place every_seconds cron timeout_seconds first_at", "copied from the configuration"},
		{irrelevant, "next_at period_seconds", itself},
	},
	"catalog_sweeps": {
		{recorded, "id source asked_by asked_at max_removals decided_by decided_at added changed removed removals", "sweep.*"},
		{irrelevant, "workflow_id run_id state cause started_at read_at ended_at cursor pages requests total entities remarks failure", "what a sweep does is on its own record"},
	},
	"catalog_sweep_entities": {{irrelevant, "sweep_id entity_ref location_key hash document", derived}},
	"catalog_sweep_files":    {{irrelevant, "sweep_id url etag body", derived}},
	"catalog_files":          {{irrelevant, "url source etag body", derived}},
	"catalog_reads":          {{irrelevant, "entity_id url repository", derived}},
	"catalog_stitches":       {{irrelevant, "entity_ref requested_at urgent", itself}},
	"source_events":          {{irrelevant, "id topic delivery part event received_at done_at touched failure", "what hosts report changes nothing by itself: " + derived}},
	"catalog_changes":        {{irrelevant, "id webhook change entity_ref entity_id changed_at", derived}},
	"catalog_webhooks":       {{irrelevant, "name lease leased_until failures next_attempt_at", itself}},
	"catalog_engines":        {{irrelevant, "id alive_until", itself}},
	"catalog_revision":       {{irrelevant, "one revision", derived}},

	"rate_budgets": {{irrelevant, "credential resource allowance remaining resets_at blocked_until", itself}},

	"runs": {
		{recorded, "id template_ref title subject spec spec_digest created_by starter created_at trace_parent", ofRun},
		{recorded, "cancel_requested reopened_at generation", ofCommand},
		{irrelevant, "status phase started_at finished_at last_heartbeat_at failed_step error output warnings cause timed_from", progress},
		{irrelevant, "workflow_run_id claim replaced_executions unreturned starts start_after", itself},
	},
	"run_commands": {
		{recorded, "id run_id command given_by given_at", ofCommand},
		{irrelevant, "generation phase finished_at failed_step error", progress},
	},
	"run_secrets": {
		{recorded, "run_id", ofRun},
		{secret, "sealed", "run.create names them"},
	},
	"run_effects": {{irrelevant, "id run_id sequence step_id action kind name key state external_id url data note intended_at changed_at", progress}},
	"run_events":  {{irrelevant, "id run_id type body key created_at", progress}},
	"run_steps": {
		{irrelevant, "run_id position step_id name action status failed_attempts started_at ended_at waiting_until input output error warnings", progress},
		{irrelevant, "sealed_output sealed_iterations workspace iterations_done workspace_spent", progress},
	},
	"run_iterations": {{irrelevant, "run_id index sealed position", progress}},

	"techdocs_sites": {
		{recorded, "entity_ref", "docs.build, as its resource"},
		{irrelevant, "annotation host repository url etag digest maker engine pages files published_at failed gone_at created_at", derived},
		{irrelevant, "version_of version ref pull_request pull_request_url versions_wanted previews_wanted", derived},
		{irrelevant, "checked_at next_check_at read_at garbage_at", itself},
	},
	"techdocs_builds": {
		{recorded, "id entity_ref asked_by asked_at force", "docs.build, where a person asked"},
		{irrelevant, "state cause requests workflow_id run_id claim started_at ended_at source etag engine pages files", "what a build does is on its own record"},
		{irrelevant, "fetch_seconds render_seconds publish_seconds index_seconds problems failure", "what a build does is on its own record"},
	},
	"techdocs_build_lines": {{irrelevant, "build_id number at line", "what a build does is on its own record"}},

	"search_documents":  {{irrelevant, ofDocuments, indexed}},
	"search_entities":   {{irrelevant, ofDocuments, indexed}},
	"search_sections":   {{irrelevant, ofDocuments, indexed}},
	"search_apis":       {{irrelevant, ofDocuments, indexed}},
	"search_others":     {{irrelevant, ofDocuments, indexed}},
	"search_runs":       {{irrelevant, "run_id words", indexed}},
	"search_sites":      {{irrelevant, "entity_id entity_ref about version due_at", itself}},
	"search_changes":    {{irrelevant, "id entity_id queued_at", itself}},
	"search_state":      {{irrelevant, "one made_with", itself}},
	"search_rebuild":    {{irrelevant, "one begun_at ended_at phase after entities runs done", "search.rebuild says who asked for it"}},
	"search_vocabulary": {{irrelevant, "word near", indexed}},
	"search_misses":     {{irrelevant, "day words times", "words that nobody is named with"}},
	"search_pushed": {
		{recorded, "source", "search.push and search.delete, as their resource, with the number of documents"},
		{irrelevant, "key version generation pushed_at is_deleted entity_ref readers title document body words facets digest", "what other systems have, which know who changed it"},
	},
	"search_pushes":      {{recorded, "source pushed_at pushed_by", "search.push, as its resource, time and actor"}},
	"search_generations": {{recorded, "source generation begun_at completed_at", "search.push, as its resource, its time or a change"}},

	"rbac_roles":      {{recorded, "ref source description owner author modified_by created_at modified_at", ofRoles}},
	"rbac_members":    {{recorded, "role member", ofRoles}, {irrelevant, "position", listOrder}},
	"rbac_policies":   {{recorded, "role permission action effect", ofRoles}, {irrelevant, "position", listOrder}},
	"rbac_conditions": {{recorded, "id role plugin_id resource_type permission_mapping conditions", ofRoles}},
	"rbac_plugins":    {{recorded, "id", ofRoles}, {irrelevant, "position", listOrder}},
	"rbac_revision":   {{irrelevant, "one revision", itself}},

	"notifications": {
		{recorded, "id created_at recipients entity_refs severity", "notification.send and notification.withdraw"},
		{irrelevant, "effect_id title description link scope topic", "what a run says is in its own log"},
		{irrelevant, "delivered_at", itself},
	},

	"run_callbacks": {
		{recorded, "id run_id answered_at succeeded", "run.callback"},
		{irrelevant, "body", "what is told to a run is in its own record"},
		{irrelevant, "digest created_at failure_seen_at", progress},
	},

	"sign_in_sessions": {
		{recorded, "session_id provider user_ref subject created_at", "session.start and session.end"},
		{recorded, "refused_at refusal", "session.refuse"},
		{recorded, "address", "the address of session.start; later ones are those of requests"},
		{secret, "tokens", "session.start names them"},
		{irrelevant, "id environment refreshed_at expires_at", "the same for every session, or the hash of its secret"},
		{irrelevant, "user_agent", "what the browser says about itself, which proves nothing"},
		{irrelevant, "renewing_until", itself},
	},
	"exchanged_tokens": {{irrelevant, "id expires_at", "token.exchange says which job's token it was"}},
	"user_ownership":   {{irrelevant, "user_ref ownership issued_at", "computed from the groups of the user at sign-in"}},

	"idempotency_keys": {{irrelevant, "id request command_id attempt leased_until status content_type body created_at", "repeated requests change nothing"}},
	"signing_keys":     {{irrelevant, "id public_key sealed created_at signs_until verifies_until", itself}},
	"goose_db_version": {{irrelevant, "id version_id is_applied tstamp", "the migrations"}},
}

// TestEveryColumnHasAnAuditDecision: whoever adds a column decides what the audit log gets of it.
func TestEveryColumnHasAnAuditDecision(t *testing.T) {
	t.Parallel()
	rows, err := testkit.Database(t).Query(t.Context(), "select table_name, column_name from information_schema.columns where table_schema = 'public'")
	require.NoError(t, err)
	found := map[string][]string{}
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		found[table] = append(found[table], column)
		return nil
	})
	require.NoError(t, err)
	for _, table := range slices.Sorted(maps.Keys(found)) {
		var decided []string
		for _, each := range decisions[table] {
			require.Contains(t, []string{recorded, secret, irrelevant}, each.kind, table)
			require.NotEmpty(t, each.reason, table)
			decided = append(decided, strings.Fields(each.columns)...)
		}
		require.ElementsMatch(t, found[table], decided, "the columns of %s need one decision each, in this file", table)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(decisions)), "tables that do not exist")
}
