package fault

// Failure is an error as people see it and as it is stored: its secrets are masked.
type Failure struct {
	// Name is the Kind of the error, or another name that says more, such as WorkerLostError. It is "Error"
	// for an error without a kind.
	Name    string `json:"name"`
	Message string `json:"message"`
	// Advice says what a person can do about it, "" when there is nothing to add.
	Advice string `json:"next,omitempty"`
}
