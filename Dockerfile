# Images from one file: `--target operator`, `--target trainer`, and `--target trainer-mlflow` for policies that name
# `publish.mlflow`: the trainer with the client of MLflow, 105 MiB more. Any base with Python 3.11 or later and its venv
# module will do. Dependencies come before the code, so that a change of code leaves their layer as it is. Bytecode is
# compiled here: the file system of a pod is read-only, and compiling at every start would cost three times the start.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS operator-build
COPY requirements/operator.txt /requirements.txt
RUN python3 -m venv /opt/app \
    && /opt/app/bin/pip install --disable-pip-version-check --no-compile --require-hashes -r /requirements.txt \
    && /opt/app/bin/pip uninstall --yes --quiet pip \
    && python3 -m compileall -q -j 0 /opt/app/lib
COPY operator/retrain_operator /opt/code/retrain_operator
RUN python3 -m compileall -q /opt/code

FROM ${BASE_IMAGE} AS trainer-build
COPY requirements/trainer.txt /requirements.txt
RUN python3 -m venv /opt/app \
    && /opt/app/bin/pip install --disable-pip-version-check --no-compile --require-hashes -r /requirements.txt \
    && /opt/app/bin/pip uninstall --yes --quiet pip \
    && python3 -m compileall -q -j 0 /opt/app/lib
COPY trainer/retrain_trainer /opt/code/retrain_trainer
RUN python3 -m compileall -q /opt/code

FROM ${BASE_IMAGE} AS trainer-mlflow-build
COPY requirements/trainer-mlflow.txt /requirements.txt
RUN python3 -m venv /opt/app \
    && /opt/app/bin/pip install --disable-pip-version-check --no-compile --require-hashes -r /requirements.txt \
    && /opt/app/bin/pip uninstall --yes --quiet pip \
    && python3 -m compileall -q -j 0 /opt/app/lib

FROM ${BASE_IMAGE} AS operator
ENV PATH=/opt/app/bin:$PATH PYTHONPATH=/opt/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=operator-build /opt/app /opt/app
COPY --from=operator-build /opt/code /opt/code
USER 65532:65532
ENTRYPOINT ["/opt/app/bin/python", "-m", "retrain_operator"]
CMD ["run"]

FROM ${BASE_IMAGE} AS trainer
ENV PATH=/opt/app/bin:$PATH PYTHONPATH=/opt/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=trainer-build /opt/app /opt/app
COPY --from=trainer-build /opt/code /opt/code
USER 65532:65532
ENTRYPOINT ["/opt/app/bin/python", "-m", "retrain_trainer"]
CMD ["run"]

FROM ${BASE_IMAGE} AS trainer-mlflow
ENV PATH=/opt/app/bin:$PATH PYTHONPATH=/opt/code PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=trainer-mlflow-build /opt/app /opt/app
COPY --from=trainer-build /opt/code /opt/code
USER 65532:65532
ENTRYPOINT ["/opt/app/bin/python", "-m", "retrain_trainer"]
CMD ["run"]
