package action

// WorkspaceSparer is implemented by actions that use the workspace for some inputs only. For a call of which
// it says false, none is made ready, however large the one is that the steps before have left, and
// Call.Workspace is nil.
type WorkspaceSparer interface {
	NeedsWorkspace(call *Call) bool
}
