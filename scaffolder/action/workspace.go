package action

// OptionalWorkspace is implemented by actions that use the workspace for some inputs only. When
// NeedsWorkspace returns false, the engine does not unpack the workspace, and Call.Workspace is nil.
type OptionalWorkspace interface {
	NeedsWorkspace(call *Call) bool
}
