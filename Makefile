.PHONY: demo test vision train ray container relock

demo:
	@setup/run demo
	@.venv/bin/appliance demo

test:
	@setup/run test

vision train ray container:
	@setup/run $@

relock:
	@/usr/bin/python3 -B -m setup.relock
