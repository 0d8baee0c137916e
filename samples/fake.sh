#!/bin/sh
# Stands for psql and sendmail. CAISSON_STUB_NAME is the name that the caller launched.
case $CAISSON_STUB_NAME in
  psql) echo ann@example.net; echo bob@example.net ;;
  sendmail) echo "to $1: $(cat)" ;;
esac
