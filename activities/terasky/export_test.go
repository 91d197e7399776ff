package terasky

// Dump is dump, for its tests.
var Dump = dump
