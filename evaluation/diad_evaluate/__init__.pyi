from diad_deploy.errors import EvaluationError as EvaluationError
from diad_evaluate.evaluate import EvaluationConfig as EvaluationConfig
from diad_evaluate.evaluate import evaluate_folder as evaluate_folder
from diad_evaluate.results import ClassResult as ClassResult
from diad_evaluate.results import Evaluation as Evaluation
