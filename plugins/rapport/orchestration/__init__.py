"""Where Rapport meets Airflow and the operator's terminal."""
