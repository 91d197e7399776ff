// Command peer compares Portico with a real Backstage backend, in one run on one machine, through the public
// HTTP API that both have. The README in this directory describes the measurements and the setup of the peer.
// It reads /proc and therefore runs on Linux only.
package main
